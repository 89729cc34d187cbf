// rhea as a foreign client; see ../README.md for the scenes.
'use strict';
const rhea = require('rhea');

const WINDOW = 50;
const scene = process.argv[2];
const args = Object.fromEntries(process.argv.slice(3).map((word) => word.split(/=(.*)/s)));
const container = rhea.create_container();

function say(...words) {
  process.stdout.write(words.join(' ') + '\n');
}

function fail(what, error) {
  say('error', what, error);
  process.exitCode = 1;
  process.exit();
}

function connect(more) {
  const options = {
    host: args.host,
    port: Number(args.port),
    username: 'anonymous',
    reconnect: 'reconnect' in args,
    initial_reconnect_delay: 50,
    max_reconnect_delay: 200,
    ...more,
  };
  if (Number(args.frame)) options.max_frame_size = Number(args.frame);
  return container.connect(options);
}

container.on('receiver_error', (context) => fail('link', context.receiver.error));
container.on('sender_error', (context) => fail('link', context.sender.error));
container.on('session_error', (context) => fail('session', context.session.error));
container.on('connection_error', (context) => {
  if (!('reconnect' in args)) fail('connection', context.connection.error);
});
container.on('disconnected', (context) => {
  if (!('reconnect' in args)) fail('transport', context.error);
});

function honoEvent(seq) {
  const device = 'd' + (seq % Number(args.devices));
  const tenant = args.address.split('/')[1];
  return {
    durable: true,
    to: 'event/' + tenant,
    message_id: 'rhea-' + seq,
    content_type: 'application/octet-stream',
    creation_time: new Date(),
    message_annotations: { device_id: device, tenant_id: tenant },
    application_properties: { device_id: device, orig_adapter: 'hono-interop', seq: rhea.types.wrap_int(seq) },
    body: rhea.message.data_section(Buffer.alloc(Number(args.size), 'x')),
  };
}

function show(message) {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  const body = message.body && message.body.content ? message.body.content : Buffer.alloc(0);
  const properties = message.application_properties;
  say('event', micros, properties.device_id, properties.seq, body.length);
}

const scenes = {
  // Keeps what has no outcome yet, in order, and sends it again after a reconnect.
  send() {
    let waiting = Array.from({ length: Number(args.count) }, (_, i) => i);
    let flying = new Map(); // delivery id -> seq
    const connection = connect();
    const sender = connection.open_sender({ target: args.address, snd_settle_mode: 0, rcv_settle_mode: 0 });
    function push() {
      while (waiting.length > 0 && sender.sendable() && flying.size < WINDOW) {
        const seq = waiting.shift();
        flying.set(sender.send(honoEvent(seq)), seq);
      }
    }
    function outcome(context, what) {
      const seq = flying.get(context.delivery);
      if (seq === undefined) return;
      flying.delete(context.delivery);
      say('outcome', 'd' + (seq % Number(args.devices)), seq, what);
      if (waiting.length === 0 && flying.size === 0) {
        container.removeAllListeners('disconnected');
        connection.close();
      } else {
        push();
      }
    }
    container.on('sendable', push);
    container.on('accepted', (context) => outcome(context, 'accepted'));
    container.on('rejected', (context) => outcome(context, 'rejected ' + JSON.stringify(context.delivery.remote_state)));
    container.on('released', (context) => outcome(context, 'released'));
    container.on('disconnected', () => {
      waiting = [...flying.values(), ...waiting].sort((a, b) => a - b);
      flying = new Map();
    });
  },

  receive() {
    const connection = connect();
    connection.open_receiver({ source: args.address, credit_window: Number(args.credit), autoaccept: false, snd_settle_mode: 0, rcv_settle_mode: 0 });
    container.on('receiver_open', () => say('ready'));
    container.on('message', (context) => {
      show(context.message);
      context.delivery.accept();
    });
    process.stdin.resume();
    process.stdin.on('end', () => {
      container.removeAllListeners('disconnected');
      container.on('connection_close', () => process.exit());
      connection.close();
    });
  },

  drain() {
    const connection = connect();
    const receiver = connection.open_receiver({ source: args.address, credit_window: 0, autoaccept: false });
    container.on('receiver_open', () => {
      receiver.drain = true;
      receiver.add_credit(Number(args.credit));
    });
    container.on('message', (context) => {
      show(context.message);
      context.delivery.accept();
    });
    container.on('receiver_drained', () => {
      say('drained');
      container.removeAllListeners('disconnected');
      connection.close();
    });
  },

  idle() {
    const idle = Number(args.idle);
    Object.assign(args, { devices: '1', size: '10' });
    const connection = connect({ idle_time_out: idle });
    const sender = connection.open_sender({ target: args.address, snd_settle_mode: 0 });
    container.on('accepted', () => {
      say('outcome', 'd0', 0, 'accepted');
      container.removeAllListeners('disconnected');
      connection.close();
    });
    setTimeout(() => sender.send(honoEvent(0)), 3.5 * idle);
  },
};

scenes[scene]();
