import java.io.File;
import org.apache.activemq.artemis.api.core.RoutingType;
import org.apache.activemq.artemis.core.config.Configuration;
import org.apache.activemq.artemis.core.config.impl.ConfigurationImpl;
import org.apache.activemq.artemis.core.server.JournalType;
import org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ;
import org.apache.activemq.artemis.core.settings.impl.AddressSettings;

/** Artemis within this process: Artemis PORT DIRECTORY. Its journal is on disk, so that it can be restarted. */
public class Artemis {
  public static void main(String[] args) throws Exception {
    File data = new File(args[1]);
    Configuration config = new ConfigurationImpl()
        .setSecurityEnabled(false)
        .setJMXManagementEnabled(false)
        .setJournalType(JournalType.NIO)
        .setJournalDirectory(new File(data, "journal").getPath())
        .setBindingsDirectory(new File(data, "bindings").getPath())
        .setPagingDirectory(new File(data, "paging").getPath())
        .setLargeMessagesDirectory(new File(data, "large").getPath());
    config.setBrokerInstance(data);
    // As many threads that a check which keeps one busy for good does not silence the connections of the checks after it.
    config.addAcceptorConfiguration("amqp", "tcp://127.0.0.1:" + args[0] + "?protocols=AMQP&nioRemotingThreads=64");
    config.addAddressSetting("#", new AddressSettings()
        .setAutoCreateAddresses(true)
        .setAutoCreateQueues(true)
        .setAutoDeleteAddresses(false)
        .setAutoDeleteQueues(false)
        .setDefaultAddressRoutingType(RoutingType.ANYCAST)
        .setDefaultQueueRoutingType(RoutingType.ANYCAST));
    EmbeddedActiveMQ broker = new EmbeddedActiveMQ().setConfiguration(config);
    broker.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        broker.stop();
      } catch (Exception e) {
        e.printStackTrace();
      }
    }));
  }
}
