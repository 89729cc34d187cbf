import java.util.HashMap;
import java.util.Map;
import org.apache.qpid.server.SystemLauncher;

/** Broker-J within this process: BrokerJ PORT CONFIGURATION. Its virtual host's store is on disk; one in memory takes no durable message. */
public class BrokerJ {
  public static void main(String[] args) throws Exception {
    System.setProperty("peer.port", args[0]);
    Map<String, Object> attributes = new HashMap<>();
    attributes.put("type", "Memory");
    attributes.put("initialConfigurationLocation", args[1]);
    attributes.put("startupLoggedToSystemOut", "true");
    SystemLauncher launcher = new SystemLauncher();
    launcher.startup(attributes);
    Thread.currentThread().join();
  }
}
