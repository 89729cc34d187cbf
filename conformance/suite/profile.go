package suite

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed profiles/*.yaml
var embedded embed.FS

// Profile describes a kind of target: what it can do and how its addresses look. docs/conformance.md explains every field.
type Profile struct {
	Name     string        `yaml:"name"`
	Title    string        `yaml:"title"`
	Auth     Auth          `yaml:"auth"`
	Patience time.Duration `yaml:"patience"` // how long an answer may take before it is silence; default 2s

	Addresses Addresses `yaml:"addresses"`
	Message   Message   `yaml:"message"`
	Features  []Feature `yaml:"features"`
	Commands  Commands  `yaml:"commands"`
	Hostname  string    `yaml:"hostname"` // hostname for open and sasl-init; default none
}

// Auth is how the suite logs in.
type Auth struct {
	Mechanism string `yaml:"mechanism"` // none, anonymous or plain
	User      string `yaml:"user"`
	Password  string `yaml:"password"`
}

// Addresses are patterns. {id} is a fresh name; {tenant} and {application} are those of an event.
type Addresses struct {
	Send        string `yaml:"send"`
	Receive     string `yaml:"receive"`
	Missing     string `yaml:"missing"`
	Topic       string `yaml:"topic"`
	Event       string `yaml:"event"`       // where adapters send
	Default     string `yaml:"default"`     // where the default application receives
	Application string `yaml:"application"` // where a named application receives
	DeadLetters string `yaml:"dead-letters"`
	Relay       string `yaml:"relay"` // what properties.to has to be on an anonymous link; default: like send
}

// Message is what the target asks of messages that it is to keep.
type Message struct {
	Durable bool `yaml:"durable"`
	Device  bool `yaml:"device"` // a message annotation device_id
}

// Commands reach the target from beside the protocol. They are run by sh -c.
type Commands struct {
	Restart string `yaml:"restart"` // ends when the target serves again
	Prepare string `yaml:"prepare"` // before an address is used for the first time; {id} is filled in
	Delete  string `yaml:"delete"`  // deletes the node of {id}
}

// Has tells whether the target has a feature.
func (p *Profile) Has(f Feature) bool { return slices.Contains(p.Features, f) }

func (p *Profile) patience() time.Duration {
	if p.Patience == 0 {
		return 2 * time.Second
	}
	return p.Patience
}

// Profiles names the profiles that come with the suite.
func Profiles() []string {
	entries, err := embedded.ReadDir("profiles")
	if err != nil {
		panic(err) // the directory is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// LoadProfile reads a profile: one that comes with the suite, or a file.
func LoadProfile(name string) (*Profile, error) {
	b, err := embedded.ReadFile("profiles/" + name + ".yaml")
	if err != nil {
		if b, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("%s is neither a file nor one of %s: %w", name, strings.Join(Profiles(), ", "), err)
		}
	}
	p, err := parseProfile(b)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return p, nil
}

func parseProfile(b []byte) (*Profile, error) {
	var p Profile
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&p); err != nil {
		return nil, err
	}
	return &p, p.validate()
}

func (p *Profile) validate() error {
	if p.Name == "" {
		return errors.New("name is missing")
	}
	switch p.Auth.Mechanism {
	case "none", "anonymous", "plain":
	default:
		return fmt.Errorf("auth.mechanism is %q: none, anonymous or plain", p.Auth.Mechanism)
	}
	if p.Auth.Mechanism == "plain" && p.Auth.User == "" {
		return errors.New("auth.user is missing")
	}
	if p.Has(Queues) && (p.Addresses.Send == "" || p.Addresses.Receive == "") {
		return errors.New("feature queues needs addresses.send and addresses.receive")
	}
	if p.Has(Missing) && p.Addresses.Missing == "" {
		return errors.New("feature missing-nodes needs addresses.missing")
	}
	if p.Has(Events) && (p.Addresses.Event == "" || p.Addresses.Default == "") {
		return errors.New("feature events needs addresses.event and addresses.default")
	}
	if p.Has(Applications) && p.Addresses.Application == "" {
		return errors.New("feature applications needs addresses.application")
	}
	if p.Has(Restart) && p.Commands.Restart == "" {
		return errors.New("feature restart needs commands.restart")
	}
	for _, f := range p.Features {
		if !slices.Contains(AllFeatures, f) {
			return fmt.Errorf("there is no feature %q", f)
		}
	}
	return nil
}
