package hono

import "strconv"

// Requirement names one sentence that binds somebody. String gives its id.
type Requirement uint8

// The requirements, in the order of the page: forwarding, receiving, message format, event types, and then our own.
const (
	ForwardAddress Requirement = iota + 1
	ForwardRegistered
	ForwardLinkModes
	ForwardUnsettled
	ForwardDurable
	ForwardPersisted
	ForwardNoResend
	ForwardTellDevice

	ReceiveAddress
	ReceiveLinkModes
	ReceiveOrder
	ReceiveApplications
	ReceiveCompeting
	ReceiveAtLeastOnce
	ReceiveExpiry

	MessageWellFormed
	MessageDevice
	MessageTo
	MessageContentType
	MessageCreationTime
	MessageBody
	MessageUnchanged

	EmptyBody
	EmptyTTD
	ConnectionDevice
	ConnectionBody
	ProvisioningBody
	ProvisioningProperties

	AddressGrammar
	AddressEventsOnly
	AddressApplication
	AddressDeadLetters

	// NumRequirements is one more than the last: the size of an array indexed by Requirement.
	NumRequirements
)

// Party is who is bound by a sentence.
type Party string

const (
	Broker      Party = "broker"
	Adapter     Party = "adapter" // and whoever else sends events: command router, device registry
	Application Party = "application"
)

// Place is where a sentence is kept or checked.
type Place string

const (
	AtAttach   Place = "attach"    // broker/nodes, when a link is asked for
	AtTransfer Place = "transfer"  // broker/nodes, when a message arrives: Check
	AtWarning  Place = "warning"   // Check, counted, the event is taken
	InBroker   Place = "broker"    // by what the broker does
	Elsewhere  Place = "elsewhere" // not to be seen at the broker
	Later      Place = "later"     // recognised and not judged yet
)

// Text is a requirement in our own words.
type Text struct {
	ID       string
	Page     string // page and section of Hono's documentation
	Versions string // of Hono
	Binds    Party
	Must     bool // else: expected or promised without the word
	Says     string
	Place    Place
}

const (
	pageForward = "Event API, Southbound Operations, Forward Event"
	pageReceive = "Event API, Northbound Operations, Receive Events"
	pageEmpty   = "Event API, Well-known Event Message Types, Empty Notification"
	pageConn    = "Event API, Well-known Event Message Types, Connection Event"
	pageProv    = "Event API, Well-known Event Message Types, Device Provisioning Notification"
	pageFormat  = "Event API, Message Format (as in the Telemetry API)"
	pageTenant  = "Tenant API, Resource Limits, and the adapters' user guides"
	pageOurs    = "Hibachi"
)

var texts = [NumRequirements]Text{
	ForwardAddress: {"forward.address", pageForward, "0.9 to 2.7", Adapter, true,
		"Events of a tenant are sent on a sender link whose target address is event/<tenant>.", AtAttach},
	ForwardRegistered: {"forward.registered", pageForward, "0.5 to 2.7", Adapter, true,
		"The device whose event is sent has been registered.", Elsewhere},
	ForwardLinkModes: {"forward.link-modes", pageForward, "0.5 to 2.7", Adapter, true,
		"The sender link is attached with snd-settle-mode unsettled and rcv-settle-mode first; anything else may cost it the link. " +
			"(mixed is accepted here: it is what remains of unsettled behind a Qpid Dispatch Router.)", AtAttach},
	ForwardUnsettled: {"forward.unsettled", pageForward, "0.5 to 2.7", Adapter, true,
		"Delivery is at least once, so no event is transferred already settled.", AtTransfer},
	ForwardDurable: {"forward.durable", pageForward, "0.6 to 2.7", Adapter, true,
		"The message's header says durable=true.", AtTransfer},
	ForwardPersisted: {"forward.persisted", pageForward, "0.9 to 2.7", Broker, false,
		"A durable message is in a persistent store before its transfer is settled as accepted.", InBroker},
	ForwardNoResend: {"forward.no-resend", pageForward, "0.9 to 2.7", Adapter, true,
		"An event that was not settled as accepted is not sent again by the adapter.", Elsewhere},
	ForwardTellDevice: {"forward.tell-device", pageForward, "0.9 to 2.7", Adapter, true,
		"The adapter tells the device that its event was not accepted, if the device's protocol has a way to.", Elsewhere},

	ReceiveAddress: {"receive.address", pageReceive, "0.5 to 2.7", Application, true,
		"Events of a tenant are received on a receiver link whose source address is event/<tenant>.", AtAttach},
	ReceiveLinkModes: {"receive.link-modes", pageReceive, "0.5 to 2.7", Application, true,
		"The receiver link is attached with snd-settle-mode unsettled and rcv-settle-mode first; anything else ends it. " +
			"(mixed is accepted here, as for senders.)", AtAttach},
	ReceiveOrder: {"receive.order", pageReceive, "0.5 to 2.7", Broker, false,
		"The events of one device are delivered in the order in which they were received.", InBroker},
	ReceiveApplications: {"receive.applications", pageReceive, "0.5 to 2.7", Broker, false,
		"Several applications of one tenant get all its events each, without competing.", InBroker},
	ReceiveCompeting: {"receive.competing", pageReceive, "0.5 to 2.7", Broker, false,
		"Several consumers of one application share its events.", InBroker},
	ReceiveAtLeastOnce: {"receive.at-least-once", pageReceive, "0.5 to 2.7", Broker, false,
		"An event is delivered at least once.", InBroker},
	ReceiveExpiry: {"receive.expiry", pageTenant, "1.0 to 2.7", Broker, false,
		"An event whose ttl is over is not delivered, whether or not a consumer was attached meanwhile.", InBroker},

	MessageWellFormed: {"message.well-formed", pageFormat, "0.5 to 2.7", Adapter, true,
		"An event is one AMQP 1.0 message of message-format 0, its sections well-formed and in order.", AtTransfer},
	MessageDevice: {"message.device", pageFormat, "0.5 to 2.7", Adapter, true,
		"The id of the device where an event began is the application property device_id (here also the message annotation), a string.", AtTransfer},
	MessageTo: {"message.to", pageFormat, "0.5 to 2.7", Adapter, false,
		"The property to, where present, is event/<tenant>, with the tenant of the link's address.", AtWarning},
	MessageContentType: {"message.content-type", pageFormat, "0.5 to 2.7", Adapter, true,
		"A message with a body has the property content-type.", AtWarning},
	MessageCreationTime: {"message.creation-time", pageFormat, "1.11 to 2.7", Adapter, true,
		"The property creation-time is set (up to 1.10: with ttd only).", AtWarning},
	MessageBody: {"message.body", pageFormat, "0.5 to 2.7", Adapter, true,
		"The body is one data section, or there is none.", AtWarning},
	MessageUnchanged: {"message.unchanged", pageFormat, "0.5 to 2.7", Broker, false,
		"An application gets the message as it was sent, ttl and absent body included.", InBroker},

	EmptyBody: {"empty-notification.body", pageEmpty, "0.6 to 2.7", Adapter, true,
		"An empty notification has an empty body.", AtWarning},
	EmptyTTD: {"empty-notification.ttd", pageEmpty, "0.6 to 2.7", Adapter, false,
		"The application property ttd, where present, is an int.", Later},
	ConnectionDevice: {"connection-event.device", pageConn, "0.7 to 2.7", Adapter, true,
		"A connection event names the authenticated device in the application property device_id.", Later},
	ConnectionBody: {"connection-event.body", pageConn, "0.7 to 2.7", Adapter, true,
		"A connection event's body is a JSON object in UTF-8 with the strings cause (connected or disconnected), remote-id and source, " +
			"and perhaps an object data.", Later},
	ProvisioningBody: {"provisioning.body", pageProv, "1.6 to 2.7", Adapter, true,
		"A device provisioning notification has an empty body.", AtWarning},
	ProvisioningProperties: {"provisioning.properties", pageProv, "1.6 to 2.7", Adapter, true,
		"A device provisioning notification has the application properties hono_registration_status, tenant_id and device_id.", Later},

	AddressGrammar: {"address.grammar", pageOurs, "", Adapter, true,
		"A tenant's id is 1 to 128 letters, digits, dots, hyphens and underscores.", AtAttach},
	AddressEventsOnly: {"address.events-only", pageOurs, "", Adapter, true,
		"Addresses begin with event/; Hono's other endpoints are not served.", AtAttach},
	AddressApplication: {"address.application", pageOurs, "", Application, true,
		"An application names itself by event/<tenant>::<application> or event/<tenant>/<application>: 1 to 128 letters, digits, " +
			"dots, hyphens and underscores. Names that begin with $ are the broker's own; $default is the application of event/<tenant>.", AtAttach},
	AddressDeadLetters: {"address.dead-letters", pageOurs, "", Application, true,
		"event/<tenant>::<application>/$dead-letter is reserved for the application's dead letters.", AtAttach},
}

// String is the requirement's id.
func (r Requirement) String() string {
	if r == 0 || r >= NumRequirements {
		return "requirement " + strconv.Itoa(int(r))
	}
	return texts[r].ID
}

// Text is what the requirement says. It panics if r is none of the constants.
func (r Requirement) Text() Text { return texts[r] }

// Requirements lists all requirements in the order of the page.
func Requirements() []Requirement {
	rs := make([]Requirement, 0, NumRequirements-1)
	for r := Requirement(1); r < NumRequirements; r++ {
		rs = append(rs, r)
	}
	return rs
}
