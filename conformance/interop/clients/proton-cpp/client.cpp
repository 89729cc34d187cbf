// Qpid Proton (C++) as a foreign client; see ../README.md for the scenes.
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/link.hpp>
#include <proton/message.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/reconnect_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/source_options.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/types.hpp>
#include <proton/work_queue.hpp>

#include <chrono>
#include <deque>
#include <iostream>
#include <map>
#include <string>
#include <thread>

namespace {

using Args = std::map<std::string, std::string>;

const size_t window = 50;

class Scene : public proton::messaging_handler {
 public:
  explicit Scene(Args a) : args(std::move(a)) {}
  bool failed = false;

 protected:
  Args args;

  int number(const std::string& key) { return std::stoi(args.at(key)); }
  bool reconnects() { return args.count("reconnect") > 0; }

  proton::connection connect(proton::container& c, uint64_t idle_ms = 0) {
    proton::connection_options o;
    if (number("frame") > 0) o.max_frame_size(number("frame"));
    if (idle_ms > 0) o.idle_timeout(proton::duration(idle_ms));
    if (reconnects()) {
      o.reconnect(proton::reconnect_options().delay(proton::duration(50)).max_delay(proton::duration(200)));
    }
    return c.connect("amqp://" + args.at("host") + ":" + args.at("port"), o);
  }

  proton::message hono_event(int seq) {
    std::string device = "d" + std::to_string(seq % number("devices"));
    std::string address = args.at("address");
    std::string tenant = address.substr(address.find('/') + 1);
    proton::message m(proton::binary(std::string(number("size"), 'x')));
    m.durable(true);
    m.to("event/" + tenant);
    m.id("cpp-" + std::to_string(seq));
    m.content_type("application/octet-stream");
    m.creation_time(proton::timestamp::now());
    m.message_annotations().put(proton::symbol("device_id"), device);
    m.message_annotations().put(proton::symbol("tenant_id"), tenant);
    m.properties().put("device_id", device);
    m.properties().put("orig_adapter", "hono-interop");
    m.properties().put("seq", int32_t(seq));
    return m;
  }

  void show(proton::message& m) {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    std::cout << "event " << micros << ' ' << proton::get<std::string>(m.properties().get("device_id")) << ' '
              << proton::coerce<int64_t>(m.properties().get("seq")) << ' ' << proton::get<proton::binary>(m.body()).size()
              << std::endl;
  }

  void on_error(const proton::error_condition& e) override {
    if (reconnects()) return;
    failed = true;
    std::cout << "error " << e << std::endl;
  }
};

// Keeps what has no outcome yet, in order, and sends it again after a reconnect.
class Send : public Scene {
 public:
  explicit Send(Args a) : Scene(std::move(a)) {
    for (int i = 0; i < number("count"); i++) waiting.push_back(i);
  }

  void on_container_start(proton::container& c) override {
    sender = connect(c).open_sender(args.at("address"));
  }

  void on_transport_error(proton::transport& t) override {
    for (auto it = flying.rbegin(); it != flying.rend(); ++it) waiting.push_front(it->second);
    flying.clear();
    Scene::on_transport_error(t);
  }

  void on_sendable(proton::sender& s) override {
    sender = s;
    push();
  }

  void on_tracker_accept(proton::tracker& t) override { outcome(t, "accepted"); }
  void on_tracker_reject(proton::tracker& t) override { outcome(t, "rejected"); }
  void on_tracker_release(proton::tracker& t) override { outcome(t, "released"); }

 private:
  proton::sender sender;
  std::deque<int> waiting;              // not sent on this connection
  std::map<proton::binary, int> flying; // by delivery tag, which grows
  int next_tag = 0;

  void push() {
    while (!waiting.empty() && sender.credit() > 0 && flying.size() < window) {
      int seq = waiting.front();
      waiting.pop_front();
      char tag[16];
      snprintf(tag, sizeof tag, "%08d", next_tag++);
      flying[proton::binary(tag)] = seq;
      sender.send(hono_event(seq), proton::binary(tag));
    }
  }

  void outcome(proton::tracker& t, const char* what) {
    auto it = flying.find(t.tag());
    if (it == flying.end()) return;
    int seq = it->second;
    flying.erase(it);
    std::cout << "outcome d" << seq % number("devices") << ' ' << seq << ' ' << what << std::endl;
    if (waiting.empty() && flying.empty()) {
      t.connection().close();
    } else {
      push();
    }
  }
};

class Receive : public Scene {
 public:
  using Scene::Scene;

  void on_container_start(proton::container& c) override {
    proton::connection connection = connect(c);
    connection.open_receiver(args.at("address"),
                             proton::receiver_options().credit_window(number("credit")).auto_accept(false));
  }

  void on_receiver_open(proton::receiver& r) override {
    std::cout << "ready" << std::endl;
    if (!waiting_for_end) {
      waiting_for_end = true;
      proton::work_queue* queue = &r.work_queue();
      proton::connection connection = r.connection();
      std::thread([queue, connection]() mutable {
        std::string line;
        while (std::getline(std::cin, line)) {
        }
        queue->add(proton::make_work([](proton::connection c) { c.close(); }, connection));
      }).detach();
    }
  }

  void on_message(proton::delivery& d, proton::message& m) override {
    show(m);
    d.accept();
  }

 private:
  bool waiting_for_end = false;
};

class Drain : public Scene {
 public:
  using Scene::Scene;

  void on_container_start(proton::container& c) override {
    proton::connection connection = connect(c);
    connection.open_receiver(args.at("address"), proton::receiver_options().credit_window(0).auto_accept(false));
  }

  void on_receiver_open(proton::receiver& r) override {
    r.add_credit(number("credit"));
    r.drain();
  }

  void on_message(proton::delivery& d, proton::message& m) override {
    show(m);
    d.accept();
  }

  void on_receiver_drain_finish(proton::receiver& r) override {
    std::cout << "drained" << std::endl;
    r.connection().close();
  }
};

class Idle : public Scene {
 public:
  using Scene::Scene;

  void on_container_start(proton::container& c) override {
    args["devices"] = "1";
    args["size"] = "10";
    connect(c, number("idle")).open_sender(args.at("address"));
  }

  void on_sender_open(proton::sender& s) override {
    proton::sender sender = s;
    s.work_queue().schedule(proton::duration(number("idle") * 7 / 2),
                            proton::make_work([this](proton::sender to) { to.send(hono_event(0)); }, sender));
  }

  void on_tracker_accept(proton::tracker& t) override {
    std::cout << "outcome d0 0 accepted" << std::endl;
    t.connection().close();
  }
};

template <class S>
int run(const Args& args) {
  S scene(args);
  proton::container(scene).run();
  std::cout.flush();
  // The thread that reads standard input may still wait: leave without joining it.
  std::_Exit(scene.failed ? 1 : 0);
}

}  // namespace

int main(int argc, char** argv) {
  Args args;
  for (int i = 2; i < argc; i++) {
    std::string word = argv[i];
    auto at = word.find('=');
    args[word.substr(0, at)] = word.substr(at + 1);
  }
  std::string scene = argc > 1 ? argv[1] : "";
  try {
    if (scene == "send") return run<Send>(args);
    if (scene == "receive") return run<Receive>(args);
    if (scene == "drain") return run<Drain>(args);
    if (scene == "idle") return run<Idle>(args);
    std::cerr << "unknown scene " << scene << std::endl;
  } catch (const std::exception& e) {
    std::cout << "error " << e.what() << std::endl;
  }
  return 2;
}
