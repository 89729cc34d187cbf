// Package amqp is the vocabulary of AMQP 1.0 on the wire: its types, performatives, SASL bodies, frames, and the layout of
// messages. It turns bytes into values and values into bytes, and does nothing else.
//
// It knows nothing of connections, sessions or links: no state is kept from one frame to the next, no rule that needs
// such state is checked here, and no clock or socket appears. It imports nothing of ours.
//
// In the order in which a received byte meets them:
//
//   - [ParseFrameHeader] reads the fixed eight bytes and refuses impossible sizes before anybody waits for the rest.
//   - [Decoder] turns a frame's body into one of its own [Body] values: [Open], [Begin], [Attach], [Flow], [Transfer],
//     [Disposition], [Detach], [End], [Close], or a SASL body. One file each, fields in the specification's order.
//   - [Source], [Target], [DeliveryState] and [Error] are the composites inside of them.
//   - [Raw] is any encoded value that nobody had a reason to decode yet: properties, filters, annotations.
//   - [ParseMessage] finds the sections of a transferred message by offset; [Message] looks single values up in place.
//
// In the other direction every value has an Append function: it writes its smallest encoding behind a slice and returns
// the longer slice; [AppendFrame] puts the frame around it. Performatives always go out with numeric descriptors, since
// some peers read no others.
//
// Parsing aliases: byte slices and Raws in what was parsed lie in the slice that was parsed, strings and symbols are
// copies. Clone what must outlive the buffer.
//
// Anything may arrive. A size is compared with the bytes that are there before it is used, an element count never
// drives an allocation and drives a loop only while bytes are left, and nesting ends at [MaxDepth]. What is wrong comes
// back as a [DecodeError] that says what, and at which byte; nothing in here panics on a peer's bytes. Decoding a
// transfer, flow or disposition allocates nothing.
//
// Citations like [transport 2.7.5] are parts and sections of the OASIS Standard of 29 October 2012.
package amqp

// Opt is a field that may be absent (null).
type Opt[T any] struct {
	Value T
	Set   bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Or is the value, or def if the field is absent.
func (o Opt[T]) Or(def T) T {
	if o.Set {
		return o.Value
	}
	return def
}
