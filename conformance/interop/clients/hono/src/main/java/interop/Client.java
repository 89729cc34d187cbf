package interop;

import io.opentracing.noop.NoopTracerFactory;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.eclipse.hono.application.client.DownstreamMessage;
import org.eclipse.hono.application.client.amqp.AmqpMessageContext;
import org.eclipse.hono.application.client.amqp.ProtonBasedApplicationClient;
import org.eclipse.hono.client.amqp.config.ClientConfigProperties;
import org.eclipse.hono.client.amqp.connection.HonoConnection;
import org.eclipse.hono.client.amqp.connection.SendMessageSampler;
import org.eclipse.hono.client.telemetry.amqp.ProtonBasedDownstreamSender;
import org.eclipse.hono.util.RegistrationAssertion;
import org.eclipse.hono.util.TenantObject;

/**
 * Eclipse Hono's own client as a foreign client: its {@code ProtonBasedDownstreamSender} is what protocol adapters send events with, its
 * {@code ProtonBasedApplicationClient} what business applications receive them with. See ../README.md for the scenes; {@code drain} and
 * {@code idle} are not something that this client can be told to do.
 */
public final class Client {

    private static final int WINDOW = 50;

    private final Map<String, String> args = new HashMap<>();
    private final Vertx vertx = Vertx.vertx();
    private final CountDownLatch finished = new CountDownLatch(1);
    private int next;
    private int flying;
    private int answered;

    public static void main(final String[] words) throws Exception {
        final Client client = new Client();
        for (int i = 1; i < words.length; i++) {
            final int at = words[i].indexOf('=');
            client.args.put(words[i].substring(0, at), words[i].substring(at + 1));
        }
        switch (words[0]) {
            case "send" -> client.send();
            case "receive" -> client.receive();
            default -> throw new IllegalArgumentException("unknown scene " + words[0]);
        }
        System.exit(0);
    }

    private int number(final String key) {
        return Integer.parseInt(args.get(key));
    }

    private HonoConnection connection(final String role) {
        final ClientConfigProperties config = new ClientConfigProperties();
        config.setHost(args.get("host"));
        config.setPort(number("port"));
        config.setName("interop");
        config.setServerRole(role);
        config.setInitialCredits(args.containsKey("credit") ? number("credit") : 200);
        if (number("frame") > 0) {
            config.setMaxFrameSize(number("frame"));
        }
        if (args.containsKey("user")) {
            config.setUsername(args.get("user"));
            config.setPassword(args.get("password"));
        }
        return HonoConnection.newConnection(vertx, config, NoopTracerFactory.create());
    }

    private String tenant() {
        return args.get("address").substring("event/".length());
    }

    private static synchronized void say(final String line) {
        System.out.println(line);
    }

    private static void fail(final Throwable cause) {
        say("error " + cause);
        Runtime.getRuntime().halt(1);
    }

    private void send() throws InterruptedException {
        final ProtonBasedDownstreamSender sender = new ProtonBasedDownstreamSender(
                connection("Downstream"), SendMessageSampler.Factory.noop(), true, false);
        // All that follows runs on one event loop, so the counters need no lock.
        vertx.runOnContext(go -> sender.start().onFailure(Client::fail).onSuccess(ok -> push(sender)));
        finished.await();
    }

    private void push(final ProtonBasedDownstreamSender sender) {
        while (next < number("count") && flying < WINDOW) {
            final int seq = next++;
            final String device = "d" + seq % number("devices");
            flying++;
            final Map<String, Object> properties = new HashMap<>();
            properties.put("seq", seq);
            properties.put("orig_adapter", "hono-interop");
            sender.sendEvent(
                    TenantObject.from(tenant()),
                    new RegistrationAssertion(device),
                    "application/octet-stream",
                    Buffer.buffer("x".repeat(number("size"))),
                    properties,
                    null)
                .onComplete(done -> {
                    flying--;
                    answered++;
                    say("outcome " + device + " " + seq + " " + (done.succeeded() ? "accepted" : done.cause()));
                    if (answered == number("count")) {
                        finished.countDown();
                    } else {
                        push(sender);
                    }
                });
        }
    }

    private void receive() throws Exception {
        final ProtonBasedApplicationClient client = new ProtonBasedApplicationClient(connection("Application"));
        final Function<DownstreamMessage<AmqpMessageContext>, Future<Void>> handler = this::show;
        client.connect()
            .compose(connected -> client.createEventConsumer(tenant(), handler, closed -> fail(closed)))
            .onFailure(Client::fail)
            .onSuccess(consumer -> say("ready"));
        while (System.in.read() >= 0) {
            // its end is all that we wait for
        }
        final CountDownLatch gone = new CountDownLatch(1);
        client.disconnect(done -> gone.countDown());
        gone.await(2, TimeUnit.SECONDS);
    }

    private Future<Void> show(final DownstreamMessage<AmqpMessageContext> event) {
        final Instant now = Instant.now();
        final long micros = TimeUnit.SECONDS.toMicros(now.getEpochSecond()) + TimeUnit.NANOSECONDS.toMicros(now.getNano());
        final Object seq = event.getProperties().getPropertiesMap().get("seq");
        final int size = event.getPayload() == null ? 0 : event.getPayload().length();
        say("event " + micros + " " + event.getDeviceId() + " " + seq + " " + size);
        return Future.succeededFuture();
    }
}
