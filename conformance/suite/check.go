package suite

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level is how strongly a requirement is put.
type Level string

// The levels. Extra is not in the standard, but needed: security, interoperability.
const (
	Must   Level = "must"
	Should Level = "should"
	May    Level = "may"
	Extra  Level = "extra"
)

// Feature is what a target can do beyond the least; a profile lists them.
type Feature string

// The features that checks ask for.
const (
	SASL            Feature = "sasl"             // speaks SASL
	Anonymous       Feature = "anonymous"        // offers ANONYMOUS
	Plain           Feature = "plain"            // offers PLAIN, and the profile has a user
	SASLRequired    Feature = "sasl-required"    // refuses connections without SASL
	Bare            Feature = "bare"             // serves connections without SASL
	WebSocket       Feature = "websocket"        // the profile has a URL for it
	Queues          Feature = "queues"           // what is sent to an address is stored and given to one receiver
	Missing         Feature = "missing-nodes"    // there are addresses that do not exist
	Dynamic         Feature = "dynamic"          // dynamic nodes
	Durable         Feature = "durable-termini"  // durable subscriptions
	Transactions    Feature = "transactions"     // a coordinator
	AnonymousRelay  Feature = "anonymous-relay"  // a null target address
	Resume          Feature = "resume"           // unsettled deliveries survive a detach
	SettleSecond    Feature = "settle-second"    // rcv-settle-mode second
	PreSettled      Feature = "pre-settled"      // takes and gives settled deliveries
	Selectors       Feature = "selectors"        // the SQL filter
	Browse          Feature = "browse"           // distribution-mode copy
	MaxMessageSize  Feature = "max-message-size" // announces a limit
	Expiry          Feature = "expiry"           // acts on ttl
	Priority        Feature = "priority"         // acts on priority
	VirtualHosts    Feature = "virtual-hosts"    // refuses hostnames that it does not serve
	SoleConnection  Feature = "sole-connection"  // that capability
	NodeDeletion    Feature = "node-deletion"    // the profile can delete a node
	Restart         Feature = "restart"          // the profile can restart the target
	Events          Feature = "events"           // Hono's event addresses
	Applications    Feature = "applications"     // named applications with a cursor each
	HeldWithoutAny  Feature = "held"             // events are kept while nobody receives
	Router          Feature = "router"           // a router stands in front
	IdleTimeout     Feature = "idle-time-out"    // announces and enforces one
	LinkStealing    Feature = "link-stealing"    // an active link's name attached again takes it over
	FastIdle        Feature = "fast-idle"        // its idle-time-out is short enough to wait for
	DeadLetters     Feature = "dead-letters"     // has an address for them
	MessageChecks   Feature = "message-checks"   // decodes what it stores, and refuses what is malformed
	OrderPerDevice  Feature = "order-per-device" // promises it through returns and several consumers
	SameOrder       Feature = "fifo"             // an address is one queue, first in first out
	DeliveryCounts  Feature = "delivery-count"   // writes the header's delivery-count
	Management      Feature = "management"       // has an admin interface that the profile reaches by commands
	CompetingOnNode Feature = "competing"        // several receivers of one address share
	EventRules      Feature = "event-rules"      // refuses what the Event API forbids, and names the requirement (spec/hono) that was broken
)

// AllFeatures are all that a profile may list.
var AllFeatures = []Feature{
	SASL, Anonymous, Plain, SASLRequired, Bare, WebSocket, Queues, Missing, Dynamic, Durable, Transactions, AnonymousRelay, Resume, SettleSecond, PreSettled, Selectors, Browse, MaxMessageSize, Expiry, Priority, VirtualHosts, SoleConnection, NodeDeletion, Restart, Events, Applications, HeldWithoutAny, Router, IdleTimeout, LinkStealing, FastIdle, DeadLetters, MessageChecks, OrderPerDevice, SameOrder, DeliveryCounts, Management, CompetingOnNode, EventRules,
}

// Check is one requirement and how to look at it.
type Check struct {
	ID      string
	Title   string // what has to be, in one sentence
	Section string // where the specification says so, as "transport 2.4.1"
	Level   Level
	Twin    string        // the id of its positive twin; empty if it makes its own, or expects no refusal
	Needs   []Feature     // skipped if the target lacks one
	Takes   time.Duration // for each case; default 10 s
	Alone   bool          // no other check runs beside it
	Slow    bool          // takes longer than anybody wants to wait who did not ask for it
	Run     func(t *T)
}

// Group is a chapter of checks.
type Group struct {
	ID     string // as in --only
	Title  string
	Checks []Check
}

// defaultTakes bounds a check that says nothing.
const defaultTakes = 10 * time.Second

// mostCases bounds a check whose cases all take their time.
const mostCases = 8

// limit bounds the whole check.
func (c *Check) limit() time.Duration { return mostCases * c.takes() }

func (c *Check) takes() time.Duration {
	if c.Takes == 0 {
		return defaultTakes
	}
	return c.Takes
}

// Validate looks for mistakes in the tables: ids twice, twins that do not exist, texts that are missing.
func Validate(groups []Group) error {
	var wrong []string
	seen := map[string]bool{}
	for _, g := range groups {
		for _, c := range g.Checks {
			if seen[c.ID] {
				wrong = append(wrong, c.ID+" is there twice")
			}
			seen[c.ID] = true
			if c.Title == "" || c.Section == "" || c.Level == "" || c.Run == nil {
				wrong = append(wrong, c.ID+" lacks a title, a section, a level or a function")
			}
		}
	}
	for _, g := range groups {
		for _, c := range g.Checks {
			if c.Twin != "" && !seen[c.Twin] {
				wrong = append(wrong, c.ID+": there is no twin "+c.Twin)
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the suite's tables: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// Select keeps the groups and checks that are named, without regard to case; no name keeps all.
func Select(groups []Group, only []string) ([]Group, error) {
	if len(only) == 0 {
		return groups, nil
	}
	var kept []Group
	known := map[string]bool{}
	for _, g := range groups {
		named := func(id string) bool {
			return slices.ContainsFunc(only, func(o string) bool {
				if strings.EqualFold(o, id) {
					known[o] = true
					return true
				}
				return false
			})
		}
		whole := named(g.ID)
		some := Group{ID: g.ID, Title: g.Title}
		for _, c := range g.Checks {
			if named(c.ID) || whole {
				some.Checks = append(some.Checks, c)
			}
		}
		if len(some.Checks) > 0 {
			kept = append(kept, some)
		}
	}
	for _, o := range only {
		if !known[o] {
			return nil, fmt.Errorf("there is no group or check %q", o)
		}
	}
	return kept, nil
}
