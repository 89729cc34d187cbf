// Package amqp is the AMQP 1.0 wire vocabulary: types, performatives, frames,
// SASL bodies and the layout of messages.
package amqp

// CONTRACT FILE: the codec's author spreads these declarations over one file a
// thing and fills the bodies; names and signatures stay.

import "iter"

// ---- scalars ----

// Symbol is an AMQP symbol: ASCII. [types 1.6.21]
type Symbol string

// SequenceNo is an RFC 1982 serial number (transfer-id, delivery-id, delivery-count). [transport 2.8.10]
type SequenceNo uint32

func (s SequenceNo) Less(o SequenceNo) bool  { panic("todo") } // s before o
func (s SequenceNo) Add(n uint32) SequenceNo { panic("todo") }
func (s SequenceNo) Sub(o SequenceNo) int32  { panic("todo") } // s - o, signed distance

// Opt is a field that may be absent (null).
type Opt[T any] struct {
	Value T
	Set   bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Raw is one encoded AMQP value, constructor included. It aliases the bytes it was parsed from
// (Clone it to keep it). nil is absent. A Raw that came out of Parse is well-formed all the way down.
type Raw []byte

func (r Raw) Clone() Raw                                  { panic("todo") }
func (r Raw) IsNull() bool                                { panic("todo") } // absent or null
func (r Raw) Symbol() (Symbol, bool)                      { panic("todo") }
func (r Raw) Str() (string, bool)                         { panic("todo") } // AMQP string (not symbol)
func (r Raw) Text() (string, bool)                        { panic("todo") } // string or symbol
func (r Raw) Bytes() ([]byte, bool)                       { panic("todo") } // content of string, symbol or binary, aliasing: for comparing without allocation
func (r Raw) Bool() (v, ok bool)                          { panic("todo") }
func (r Raw) Uint() (uint64, bool)                        { panic("todo") } // any unsigned width
func (r Raw) Int() (int64, bool)                          { panic("todo") } // any integer or timestamp that fits
func (r Raw) Described() (descriptor, value Raw, ok bool) { panic("todo") }
func (r Raw) Map() iter.Seq2[Raw, Raw]                    { panic("todo") } // entries in order; nothing if not a map
func (r Raw) List() iter.Seq[Raw]                         { panic("todo") } // elements of a list or array
func (r Raw) Lookup(key string) Raw                       { panic("todo") } // value under a string or symbol key; nil if none; no allocation
func (r Raw) String() string                              { panic("todo") } // for people: logs and test scripts, e.g. {"a": 1}

// ParseValue checks the value at the start of b and returns it and what follows. Depth at most 32 (error beyond).
func ParseValue(b []byte) (v Raw, rest []byte, err error) { panic("todo") }

// Append functions, one a type, smallest encoding: AppendNull, AppendBool, AppendUbyte, AppendUshort, AppendUint, AppendUlong,
// AppendByte.., AppendInt, AppendLong, AppendTimestamp, AppendUUID, AppendBinary, AppendString, AppendSymbol, AppendSymbols
// (array), AppendMap (entries []Raw key,value alternately), AppendList, AppendDescriptor(code) ...
// MakeMap builds a Raw map from pairs of Go values (string, Symbol, bool, integers, Raw, ...): for set-up code, not the hot path.
func MakeMap(keysAndValues ...any) Raw { panic("todo") }

// Make is one value likewise.
func Make(v any) Raw { panic("todo") }

// ---- errors ----

// Error is an AMQP error: what a peer is told. [transport 2.8.14]
type Error struct {
	Condition   Symbol
	Description string
	Info        Raw // map
}

func (e *Error) Error() string { return string(e.Condition) + ": " + e.Description }

// Errorf makes an Error with a formatted description.
func Errorf(condition Symbol, format string, args ...any) *Error { panic("todo") }

// Conditions. [transport 2.8.15-18]
const (
	ErrInternal              Symbol = "amqp:internal-error"
	ErrNotFound              Symbol = "amqp:not-found"
	ErrUnauthorizedAccess    Symbol = "amqp:unauthorized-access"
	ErrDecode                Symbol = "amqp:decode-error"
	ErrResourceLimitExceeded Symbol = "amqp:resource-limit-exceeded"
	ErrNotAllowed            Symbol = "amqp:not-allowed"
	ErrInvalidField          Symbol = "amqp:invalid-field"
	ErrNotImplemented        Symbol = "amqp:not-implemented"
	ErrResourceLocked        Symbol = "amqp:resource-locked"
	ErrPreconditionFailed    Symbol = "amqp:precondition-failed"
	ErrResourceDeleted       Symbol = "amqp:resource-deleted"
	ErrIllegalState          Symbol = "amqp:illegal-state"
	ErrFrameSizeTooSmall     Symbol = "amqp:frame-size-too-small"
	ErrConnectionForced      Symbol = "amqp:connection:forced"
	ErrFraming               Symbol = "amqp:connection:framing-error"
	ErrConnectionRedirect    Symbol = "amqp:connection:redirect"
	ErrWindowViolation       Symbol = "amqp:session:window-violation"
	ErrErrantLink            Symbol = "amqp:session:errant-link"
	ErrHandleInUse           Symbol = "amqp:session:handle-in-use"
	ErrUnattachedHandle      Symbol = "amqp:session:unattached-handle"
	ErrDetachForced          Symbol = "amqp:link:detach-forced"
	ErrTransferLimitExceeded Symbol = "amqp:link:transfer-limit-exceeded"
	ErrMessageSizeExceeded   Symbol = "amqp:link:message-size-exceeded"
	ErrLinkRedirect          Symbol = "amqp:link:redirect"
	ErrStolen                Symbol = "amqp:link:stolen"
)

// DecodeError says what was wrong and at which byte of the slice that was given to be parsed.
type DecodeError struct {
	Condition Symbol // ErrDecode, ErrFraming, ErrInvalidField, ErrNotImplemented
	What      string
	Offset    int
}

func (e *DecodeError) Error() string { panic("todo") }

// ---- frames ----

// Protocol headers, 8 bytes each. [transport 2.2]
var (
	HeaderAMQP = [8]byte{'A', 'M', 'Q', 'P', 0, 1, 0, 0}
	HeaderTLS  = [8]byte{'A', 'M', 'Q', 'P', 2, 1, 0, 0}
	HeaderSASL = [8]byte{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
)

const (
	FrameHeaderSize = 8
	MinMaxFrameSize = 512
	TypeAMQP        = 0
	TypeSASL        = 1
)

// FrameHeader is the fixed part of a frame. [transport 2.3.1]
type FrameHeader struct {
	Size       uint32 // of the whole frame, this header included
	DataOffset uint8  // in 4-byte words
	Type       uint8
	Channel    uint16
}

// ParseFrameHeader reads the first 8 bytes of b (it has at least 8) and checks size >= 8, 2 <= doff, 4*doff <= size, known type.
func ParseFrameHeader(b []byte) (FrameHeader, error) { panic("todo") }

// Body is what a frame carries: a performative or a SASL body. The types below are all there are; switch on *Open, *Begin, ...
type Body interface {
	// Append encodes the body behind dst.
	Append(dst []byte) []byte
	// Name is the specification's: "open", "sasl-init".
	Name() string
	// String shows all set fields for people, in the specification's order: `attach name=c1 handle=0 role=receiver source={address=event/t}`.
	String() string
}

// AppendFrame puts one whole frame behind dst. body nil is an empty frame (heartbeat). payload goes behind a transfer.
func AppendFrame(dst []byte, typ uint8, channel uint16, body Body, payload []byte) []byte {
	panic("todo")
}

// Decoder holds one of each body, so that decoding a frame allocates nothing but strings of the rare ones.
// Not for concurrent use.
type Decoder struct{ todo int }

// Decode parses a frame's body (what follows the extended header). The Body returned is the decoder's own: it is valid until the
// next Decode, and its byte slices and Raws alias b. payload is what follows the performative.
// SASL says which family is expected: bodies of the other are an ErrFraming.
func (d *Decoder) Decode(b []byte, sasl bool) (body Body, payload []byte, err error) { panic("todo") }

// ---- performatives, fields in the specification's order ----

type Role bool

const (
	RoleSender   Role = false
	RoleReceiver Role = true
)

type SenderSettleMode uint8 // [transport 2.8.2]

const (
	SenderUnsettled SenderSettleMode = 0
	SenderSettled   SenderSettleMode = 1
	SenderMixed     SenderSettleMode = 2
)

type ReceiverSettleMode uint8 // [transport 2.8.3]

const (
	ReceiverFirst  ReceiverSettleMode = 0
	ReceiverSecond ReceiverSettleMode = 1
)

type Open struct { // [transport 2.7.1]
	ContainerID         string
	Hostname            string // "" is absent
	MaxFrameSize        uint32 // default 4294967295, filled by parsing
	ChannelMax          uint16 // default 65535, filled by parsing
	IdleTimeout         uint32 // milliseconds; 0 is none
	OutgoingLocales     []Symbol
	IncomingLocales     []Symbol
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Raw
}

type Begin struct { // [transport 2.7.2]
	RemoteChannel       Opt[uint16]
	NextOutgoingID      SequenceNo
	IncomingWindow      uint32
	OutgoingWindow      uint32
	HandleMax           uint32 // default 4294967295, filled by parsing
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Raw
}

type Attach struct { // [transport 2.7.3]
	LinkName             string
	Handle               uint32
	Role                 Role
	SndSettleMode        SenderSettleMode // default mixed, filled by parsing
	RcvSettleMode        ReceiverSettleMode
	Source               *Source // nil: null terminus
	Target               *Target // nil: null terminus
	Coordinator          bool    // the target is a coordinator (0x30); Target is nil then
	Unsettled            Raw
	IncompleteUnsettled  bool
	InitialDeliveryCount Opt[SequenceNo]
	MaxMessageSize       uint64 // 0 is no limit
	OfferedCapabilities  []Symbol
	DesiredCapabilities  []Symbol
	Properties           Raw
}

type Flow struct { // [transport 2.7.4]
	NextIncomingID Opt[SequenceNo]
	IncomingWindow uint32
	NextOutgoingID SequenceNo
	OutgoingWindow uint32
	Handle         Opt[uint32]
	DeliveryCount  Opt[SequenceNo]
	LinkCredit     Opt[uint32]
	Available      Opt[uint32]
	Drain          bool
	Echo           bool
	Properties     Raw
}

type Transfer struct { // [transport 2.7.5]
	Handle        uint32
	DeliveryID    Opt[SequenceNo]
	DeliveryTag   []byte // nil: absent; empty and not nil: present and empty
	MessageFormat Opt[uint32]
	Settled       Opt[bool]
	More          bool
	RcvSettleMode Opt[ReceiverSettleMode]
	State         DeliveryState
	Resume        bool
	Aborted       bool
	Batchable     bool
}

type Disposition struct { // [transport 2.7.6]
	Role      Role
	First     SequenceNo
	Last      Opt[SequenceNo]
	Settled   bool
	State     DeliveryState
	Batchable bool
}

type Detach struct { // [transport 2.7.7]
	Handle uint32
	Closed bool
	Err    *Error
}

type End struct{ Err *Error }   // [transport 2.7.8]
type Close struct{ Err *Error } // [transport 2.7.9]

// ---- termini ----

type TerminusDurability uint32 // none 0, configuration 1, unsettled-state 2 [messaging 3.5.5]

type Source struct { // [messaging 3.5.3]
	Address               string
	HasAddress            bool // false: null address
	Durable               TerminusDurability
	ExpiryPolicy          Symbol // default session-end, filled by parsing
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Raw
	DistributionMode      Symbol
	Filter                Raw
	DefaultOutcome        DeliveryState
	Outcomes              []Symbol
	Capabilities          []Symbol
}

type Target struct { // [messaging 3.5.4]
	Address               string
	HasAddress            bool
	Durable               TerminusDurability
	ExpiryPolicy          Symbol
	Timeout               uint32
	Dynamic               bool
	DynamicNodeProperties Raw
	Capabilities          []Symbol
}

// ---- delivery states ----

type StateKind uint8

const (
	StateNone StateKind = iota // null
	Received
	Accepted
	Rejected
	Released
	Modified
	Declared
	Transactional
	StateUnknown // a descriptor that the specification does not define
)

// DeliveryState is a state or outcome as one flat value. [messaging 3.4]
type DeliveryState struct {
	Kind              StateKind
	Err               *Error // rejected
	DeliveryFailed    bool   // modified; both booleans are always encoded
	UndeliverableHere bool   // modified
	Annotations       Raw    // modified
	SectionNumber     uint32 // received
	SectionOffset     uint64 // received
	Raw               Raw    // the whole of what is not listed above (transactional, declared, unknown), to pass or print
}

func (s DeliveryState) Terminal() bool { panic("todo") }
func (s DeliveryState) String() string { panic("todo") }

// ---- SASL bodies [security 5.3.3]: each implements Body ----

type SASLMechanisms struct{ Mechanisms []Symbol }
type SASLInit struct {
	Mechanism       Symbol
	InitialResponse []byte // nil: absent
	Hostname        string
}
type SASLChallenge struct{ Challenge []byte }
type SASLResponse struct{ Response []byte }
type SASLOutcome struct {
	Code           SASLCode
	AdditionalData []byte // nil: absent
}
type SASLCode uint8 // ok 0, auth 1, sys 2, sys-perm 3, sys-temp 4
const (
	SASLOK SASLCode = iota
	SASLAuth
	SASLSys
	SASLSysPerm
	SASLSysTemp
)

// ---- messages ----

// BodyKind is the kind of a message's body. [messaging 3.2]
type BodyKind uint8

const (
	BodyNone BodyKind = iota // no body section at all
	BodyData
	BodySequence
	BodyValue
)

// Section is one section's place in the encoded message: Raw[Start:End] with its descriptor. Start == End: absent.
type Section struct{ Start, End int }

// Message is the layout of one encoded message, found without decoding the contents of its sections (all values are
// checked to be well-formed to the extent needed to find their ends). It aliases Raw.
type Message struct {
	Raw                   []byte
	Header                Section
	DeliveryAnnotations   Section
	MessageAnnotations    Section
	Properties            Section
	ApplicationProperties Section
	Body                  Section // all body sections
	Footer                Section
	BodyKind              BodyKind
	BodySections          int
}

// ParseMessage finds the sections and checks their order and multiplicity. No allocation but for the error. [messaging 3.2]
func ParseMessage(b []byte) (Message, error) { panic("todo") }

// Annotation is the message annotation under key, nil if there is none. (ApplicationProperty, likewise.) No allocation.
func (m *Message) Annotation(key string) Raw          { panic("todo") }
func (m *Message) ApplicationProperty(key string) Raw { panic("todo") }

// MessageHeader is the header section. [messaging 3.2.1]
type MessageHeader struct {
	Durable       bool
	Priority      Opt[uint8]
	TTL           Opt[uint32] // milliseconds
	FirstAcquirer bool
	DeliveryCount uint32
}

// MaxHeaderSize bounds what MessageHeader.Append adds.
const MaxHeaderSize = 24

func (h *MessageHeader) Append(dst []byte) []byte      { panic("todo") } // whole section
func (m *Message) ParseHeader() (MessageHeader, error) { panic("todo") } // defaults if absent

// MessageProperties is the properties section; ids stay Raw. [messaging 3.2.4]
type MessageProperties struct {
	MessageID          Raw
	UserID             []byte
	To                 string
	Subject            string
	ReplyTo            string
	CorrelationID      Raw
	ContentType        Symbol
	ContentEncoding    Symbol
	AbsoluteExpiryTime Opt[int64] // milliseconds since the epoch
	CreationTime       Opt[int64]
	GroupID            string
	GroupSequence      Opt[SequenceNo]
	ReplyToGroupID     string
}

func (p *MessageProperties) Append(dst []byte) []byte          { panic("todo") } // whole section
func (m *Message) ParseProperties() (MessageProperties, error) { panic("todo") } // allocates its strings
// PropertiesField is field i (0 message-id, 2 to, 6 content-type ...) of the properties section, without allocation.
func (m *Message) PropertiesField(i int) Raw { panic("todo") }

// Data is the content of a body of exactly one data section, aliasing; ok is false for any other body.
func (m *Message) Data() (b []byte, ok bool) { panic("todo") }

// AppendSection puts a described section (message annotations 0x72, application properties 0x74, ...) holding value behind dst.
func AppendSection(dst []byte, code uint64, value Raw) []byte { panic("todo") }

// AppendData puts a data section behind dst.
func AppendData(dst, data []byte) []byte { panic("todo") }

func (x *Open) Append(dst []byte) []byte           { panic("todo") }
func (x *Open) Name() string                       { panic("todo") }
func (x *Open) String() string                     { panic("todo") }
func (x *Begin) Append(dst []byte) []byte          { panic("todo") }
func (x *Begin) Name() string                      { panic("todo") }
func (x *Begin) String() string                    { panic("todo") }
func (x *Attach) Append(dst []byte) []byte         { panic("todo") }
func (x *Attach) Name() string                     { panic("todo") }
func (x *Attach) String() string                   { panic("todo") }
func (x *Flow) Append(dst []byte) []byte           { panic("todo") }
func (x *Flow) Name() string                       { panic("todo") }
func (x *Flow) String() string                     { panic("todo") }
func (x *Transfer) Append(dst []byte) []byte       { panic("todo") }
func (x *Transfer) Name() string                   { panic("todo") }
func (x *Transfer) String() string                 { panic("todo") }
func (x *Disposition) Append(dst []byte) []byte    { panic("todo") }
func (x *Disposition) Name() string                { panic("todo") }
func (x *Disposition) String() string              { panic("todo") }
func (x *Detach) Append(dst []byte) []byte         { panic("todo") }
func (x *Detach) Name() string                     { panic("todo") }
func (x *Detach) String() string                   { panic("todo") }
func (x *End) Append(dst []byte) []byte            { panic("todo") }
func (x *End) Name() string                        { panic("todo") }
func (x *End) String() string                      { panic("todo") }
func (x *Close) Append(dst []byte) []byte          { panic("todo") }
func (x *Close) Name() string                      { panic("todo") }
func (x *Close) String() string                    { panic("todo") }
func (x *SASLMechanisms) Append(dst []byte) []byte { panic("todo") }
func (x *SASLMechanisms) Name() string             { panic("todo") }
func (x *SASLMechanisms) String() string           { panic("todo") }
func (x *SASLInit) Append(dst []byte) []byte       { panic("todo") }
func (x *SASLInit) Name() string                   { panic("todo") }
func (x *SASLInit) String() string                 { panic("todo") }
func (x *SASLChallenge) Append(dst []byte) []byte  { panic("todo") }
func (x *SASLChallenge) Name() string              { panic("todo") }
func (x *SASLChallenge) String() string            { panic("todo") }
func (x *SASLResponse) Append(dst []byte) []byte   { panic("todo") }
func (x *SASLResponse) Name() string               { panic("todo") }
func (x *SASLResponse) String() string             { panic("todo") }
func (x *SASLOutcome) Append(dst []byte) []byte    { panic("todo") }
func (x *SASLOutcome) Name() string                { panic("todo") }
func (x *SASLOutcome) String() string              { panic("todo") }
