"""Qpid Proton (Python) as a foreign client; see ../README.md for the scenes."""
import sys
import threading
import time

from proton import Message, symbol
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, AtLeastOnce, Container, EventInjector

WINDOW = 50


def say(*words):
    print(*words, flush=True)


def hono_event(args, seq):
    device = "d%d" % (seq % int(args["devices"]))
    tenant = args["address"].split("/")[1]
    return Message(
        durable=True,
        address="event/" + tenant,
        content_type="application/octet-stream",
        id="proton-%d" % seq,
        creation_time=time.time(),
        annotations={symbol("device_id"): device, symbol("tenant_id"): tenant},
        properties={"device_id": device, "orig_adapter": "hono-interop", "seq": seq},
        body=b"x" * int(args["size"]),
        inferred=True,
    )


class Scene(MessagingHandler):
    def __init__(self, args, **options):
        super().__init__(auto_accept=False, auto_settle=True, **options)
        self.args = args
        self.failed = False

    def connect(self, event, **options):
        frame = int(self.args.get("frame", "0"))
        if frame:
            options["max_frame_size"] = frame
        if "reconnect" not in self.args:
            options["reconnect"] = False
        url = "amqp://%s:%s" % (self.args["host"], self.args["port"])
        return event.container.connect(url, **options)

    def on_transport_error(self, event):
        if "reconnect" not in self.args:
            self.failed = True
            say("error transport", event.transport.condition)
            event.container.stop()

    def on_link_error(self, event):
        self.failed = True
        say("error link", event.link.remote_condition)
        event.container.stop()

    def on_connection_error(self, event):
        if "reconnect" not in self.args:
            self.failed = True
            say("error connection", event.connection.remote_condition)
            event.container.stop()


class Send(Scene):
    """Keeps what has no outcome yet, in order, and sends it again after a reconnect."""

    def __init__(self, args):
        super().__init__(args)
        self.waiting = list(range(int(args["count"])))  # not sent on this connection
        self.flying = {}  # delivery tag -> seq
        self.next_tag = 0

    def on_start(self, event):
        self.connection = self.connect(event)
        self.sender = event.container.create_sender(self.connection, self.args["address"], options=AtLeastOnce())

    def on_disconnected(self, event):
        self.waiting = sorted(list(self.flying.values()) + self.waiting)
        self.flying = {}

    def on_sendable(self, event):
        self.push()

    def push(self):
        while self.waiting and self.sender.credit > 0 and len(self.flying) < WINDOW:
            seq = self.waiting.pop(0)
            self.next_tag += 1
            tag = "t%d" % self.next_tag
            self.flying[tag] = seq
            self.sender.send(hono_event(self.args, seq), tag=tag)

    def outcome(self, event, what):
        seq = self.flying.pop(event.delivery.tag, None)
        if seq is None:
            return
        say("outcome", "d%d" % (seq % int(self.args["devices"])), seq, what)
        if not self.waiting and not self.flying:
            self.connection.close()
        else:
            self.push()

    def on_accepted(self, event):
        self.outcome(event, "accepted")

    def on_rejected(self, event):
        self.outcome(event, "rejected %s" % event.delivery.remote.condition)

    def on_released(self, event):
        self.outcome(event, "released")


class Receive(Scene):
    def __init__(self, args):
        super().__init__(args, prefetch=int(args["credit"]))

    def on_start(self, event):
        injector = EventInjector()
        event.container.selectable(injector)
        self.connection = self.connect(event)
        event.container.create_receiver(self.connection, self.args["address"], options=AtLeastOnce())
        threading.Thread(target=self.wait_for_end, args=(injector,), daemon=True).start()

    def wait_for_end(self, injector):
        sys.stdin.read()
        injector.trigger(ApplicationEvent("end"))

    def on_end(self, event):
        self.connection.close()
        event.container.stop()

    def on_link_opened(self, event):
        say("ready")

    def on_message(self, event):
        show(event.message)
        self.accept(event.delivery)


def show(message):
    say("event", time.time_ns() // 1000, message.properties["device_id"], message.properties["seq"], len(message.body or b""))


class Drain(Scene):
    def __init__(self, args):
        super().__init__(args, prefetch=0)

    def on_start(self, event):
        self.connection = self.connect(event)
        self.receiver = event.container.create_receiver(self.connection, self.args["address"], options=AtLeastOnce())

    def on_link_opened(self, event):
        self.receiver.drain(int(self.args["credit"]))

    def on_message(self, event):
        show(event.message)
        self.accept(event.delivery)
        self.check()

    def on_link_flow(self, event):
        self.check()

    def check(self):
        if self.receiver.credit == 0 and not self.receiver.draining():
            say("drained")
            self.connection.close()


class Idle(Scene):
    def on_start(self, event):
        self.container = event.container
        seconds = int(self.args["idle"]) / 1000
        self.connection = self.connect(event, heartbeat=seconds)
        self.sender = event.container.create_sender(self.connection, self.args["address"], options=AtLeastOnce())
        event.container.schedule(3.5 * seconds, self)

    def on_timer_task(self, event):
        self.args.update(devices="1", size="10")
        self.sender.send(hono_event(self.args, 0))

    def on_accepted(self, event):
        say("outcome", "d0", 0, "accepted")
        self.connection.close()


def main():
    scene = sys.argv[1]
    args = dict(word.split("=", 1) for word in sys.argv[2:])
    handler = {"send": Send, "receive": Receive, "drain": Drain, "idle": Idle}[scene](args)
    Container(handler).run()
    sys.exit(1 if handler.failed else 0)


main()
