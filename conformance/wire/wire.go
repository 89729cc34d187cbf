// Package wire is the conformance suite's own AMQP 1.0 codec: just enough to say anything to a broker, right or wrong, and to read
// strictly what comes back. It shares no line with the broker's codec, so that a misreading cannot hide in both; what the two share are
// the vectors in testdata.
//
// It owns the encoding of values, composites and frames, and their readable form. It knows nothing of sockets, order or credit.
//
// In the order in which a check meets them:
//
//	Raw        one encoded value, octets as they go out; the builders (Uint, Str, List32, ArrayOf, ...) choose the constructor
//	Kind       a composite type of the specification: Open, Begin, Source, Accepted, ... with its table of fields
//	F          fields by name; values are Go values, encoded as the table says, or Raw, which goes out as it is
//	Composite  a Kind with its fields, built by Kind.With or parsed from a frame
//	Frame      one frame that was received; AMQP, SASL and RawFrame build those that are sent
//
// Nothing here is tuned. Decoding is bounded by the octets given: no count or size that a peer claims leads to an allocation.
package wire

// Headers of the protocols [transport 2.2, security 5.2, 5.3].
var (
	AMQPHeader = [8]byte{'A', 'M', 'Q', 'P', 0, 1, 0, 0}
	TLSHeader  = [8]byte{'A', 'M', 'Q', 'P', 2, 1, 0, 0}
	SASLHeader = [8]byte{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
)

// Error conditions of the specification [transport 2.8.15 to 2.8.18].
const (
	InternalError      = "amqp:internal-error"
	NotFound           = "amqp:not-found"
	UnauthorizedAccess = "amqp:unauthorized-access"
	DecodeError        = "amqp:decode-error"
	ResourceLimit      = "amqp:resource-limit-exceeded"
	NotAllowed         = "amqp:not-allowed"
	InvalidField       = "amqp:invalid-field"
	NotImplemented     = "amqp:not-implemented"
	ResourceLocked     = "amqp:resource-locked"
	PreconditionFailed = "amqp:precondition-failed"
	ResourceDeleted    = "amqp:resource-deleted"
	IllegalState       = "amqp:illegal-state"
	FrameSizeTooSmall  = "amqp:frame-size-too-small"

	ConnectionForced = "amqp:connection:forced"
	FramingError     = "amqp:connection:framing-error"
	ConnRedirect     = "amqp:connection:redirect"

	WindowViolation  = "amqp:session:window-violation"
	ErrantLink       = "amqp:session:errant-link"
	HandleInUse      = "amqp:session:handle-in-use"
	UnattachedHandle = "amqp:session:unattached-handle"

	DetachForced          = "amqp:link:detach-forced"
	TransferLimitExceeded = "amqp:link:transfer-limit-exceeded"
	MessageSizeExceeded   = "amqp:link:message-size-exceeded"
	LinkRedirect          = "amqp:link:redirect"
	Stolen                = "amqp:link:stolen"
)

// Conditions are all conditions that the standard's first four parts define.
var Conditions = map[string]bool{
	InternalError: true, NotFound: true, UnauthorizedAccess: true, DecodeError: true, ResourceLimit: true, NotAllowed: true,
	InvalidField: true, NotImplemented: true, ResourceLocked: true, PreconditionFailed: true, ResourceDeleted: true, IllegalState: true,
	FrameSizeTooSmall: true, ConnectionForced: true, FramingError: true, ConnRedirect: true, WindowViolation: true, ErrantLink: true,
	HandleInUse: true, UnattachedHandle: true, DetachForced: true, TransferLimitExceeded: true, MessageSizeExceeded: true,
	LinkRedirect: true, Stolen: true,
	"amqp:transaction:unknown-id": true, "amqp:transaction:rollback": true, "amqp:transaction:timeout": true,
}
