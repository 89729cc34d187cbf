package wire

import (
	"strconv"
	"strings"
)

// Kind is a composite type of the specification.
type Kind struct {
	Name   string
	Code   uint64
	Symbol string
	Fields []Field
}

// Field is one field of a composite type. Type is the specification's name of its primitive type, "*" for any, or "error", "state",
// "source", "target" for described ones.
type Field struct {
	Name, Type          string
	Mandatory, Multiple bool
	Max                 uint64 // of an enumeration; 0: none
}

// kinds finds a Kind by its code, kindOf by its symbol.
var (
	kinds  = map[uint64]*Kind{}
	kindOf = map[Symbol]*Kind{}
)

// kind enters one line of the table: name:type for each field, "!" behind it if it is mandatory, "+" if it is multiple,
// "<n" if n is its highest value.
func kind(code uint64, symbol, fields string) *Kind {
	k := &Kind{Code: code, Symbol: "amqp:" + symbol + ":list", Name: strings.TrimPrefix(symbol, "amqp:")}
	for _, f := range strings.Fields(fields) {
		name, typ, _ := strings.Cut(f, ":")
		typ, highest, _ := strings.Cut(typ, "<")
		most, _ := strconv.ParseUint(highest, 10, 64) // empty: 0
		k.Fields = append(k.Fields, Field{
			Name: name, Type: strings.TrimRight(typ, "!+"), Mandatory: strings.Contains(typ, "!"), Multiple: strings.Contains(typ, "+"), Max: most,
		})
	}
	kinds[code], kindOf[Symbol(k.Symbol)] = k, k
	return k
}

// The performatives [transport 2.7].
var (
	Open = kind(0x10, "open", `container-id:string! hostname:string max-frame-size:uint channel-max:ushort idle-time-out:uint
		outgoing-locales:symbol+ incoming-locales:symbol+ offered-capabilities:symbol+ desired-capabilities:symbol+ properties:map`)
	Begin = kind(0x11, "begin", `remote-channel:ushort next-outgoing-id:uint! incoming-window:uint! outgoing-window:uint! handle-max:uint
		offered-capabilities:symbol+ desired-capabilities:symbol+ properties:map`)
	Attach = kind(0x12, "attach", `name:string! handle:uint! role:boolean! snd-settle-mode:ubyte<2 rcv-settle-mode:ubyte<1 source:source
		target:target unsettled:map incomplete-unsettled:boolean initial-delivery-count:uint max-message-size:ulong
		offered-capabilities:symbol+ desired-capabilities:symbol+ properties:map`)
	Flow = kind(0x13, "flow", `next-incoming-id:uint incoming-window:uint! next-outgoing-id:uint! outgoing-window:uint! handle:uint
		delivery-count:uint link-credit:uint available:uint drain:boolean echo:boolean properties:map`)
	Transfer = kind(0x14, "transfer", `handle:uint! delivery-id:uint delivery-tag:binary message-format:uint settled:boolean more:boolean
		rcv-settle-mode:ubyte state:state resume:boolean aborted:boolean batchable:boolean`)
	Disposition = kind(0x15, "disposition", `role:boolean! first:uint! last:uint settled:boolean state:state batchable:boolean`)
	Detach      = kind(0x16, "detach", `handle:uint! closed:boolean error:error`)
	End         = kind(0x17, "end", `error:error`)
	Close       = kind(0x18, "close", `error:error`)
)

// Error carries a condition [transport 2.8.14].
var Error = kind(0x1d, "error", `condition:symbol! description:string info:map`)

// Delivery states [messaging 3.4, transactions 4.5].
var (
	Received           = kind(0x23, "received", `section-number:uint! section-offset:ulong!`)
	Accepted           = kind(0x24, "accepted", ``)
	Rejected           = kind(0x25, "rejected", `error:error`)
	Released           = kind(0x26, "released", ``)
	Modified           = kind(0x27, "modified", `delivery-failed:boolean undeliverable-here:boolean message-annotations:map`)
	Declared           = kind(0x33, "declared", `txn-id:binary!`)
	TransactionalState = kind(0x34, "transactional-state", `txn-id:binary! outcome:state`)
)

// Termini [messaging 3.5, transactions 4.5].
var (
	Source = kind(0x28, "source", `address:* durable:uint expiry-policy:symbol timeout:uint dynamic:boolean dynamic-node-properties:map
		distribution-mode:symbol filter:map default-outcome:state outcomes:symbol+ capabilities:symbol+`)
	Target = kind(0x29, "target", `address:* durable:uint expiry-policy:symbol timeout:uint dynamic:boolean dynamic-node-properties:map
		capabilities:symbol+`)
	DeleteOnClose             = kind(0x2b, "delete-on-close", ``)
	DeleteOnNoLinks           = kind(0x2c, "delete-on-no-links", ``)
	DeleteOnNoMessages        = kind(0x2d, "delete-on-no-messages", ``)
	DeleteOnNoLinksOrMessages = kind(0x2e, "delete-on-no-links-or-messages", ``)
	Coordinator               = kind(0x30, "coordinator", `capabilities:symbol+`)
	Declare                   = kind(0x31, "declare", `global-id:*`)
	Discharge                 = kind(0x32, "discharge", `txn-id:binary! fail:boolean`)
)

// SASL frames [security 5.3.3].
var (
	SASLMechanisms = kind(0x40, "sasl-mechanisms", `sasl-server-mechanisms:symbol!+`)
	SASLInit       = kind(0x41, "sasl-init", `mechanism:symbol! initial-response:binary hostname:string`)
	SASLChallenge  = kind(0x42, "sasl-challenge", `challenge:binary!`)
	SASLResponse   = kind(0x43, "sasl-response", `response:binary!`)
	SASLOutcome    = kind(0x44, "sasl-outcome", `code:ubyte!<4 additional-data:binary`)
)

// Sections that are lists [messaging 3.2]; the others are in message.go.
var (
	Header     = kind(0x70, "header", `durable:boolean priority:ubyte ttl:uint first-acquirer:boolean delivery-count:uint`)
	Properties = kind(0x73, "properties", `message-id:* user-id:binary to:* subject:string reply-to:* correlation-id:* content-type:symbol
		content-encoding:symbol absolute-expiry-time:timestamp creation-time:timestamp group-id:string group-sequence:uint
		reply-to-group-id:string`)
)

// index finds a field.
func (k *Kind) index(name string) int {
	for i, f := range k.Fields {
		if f.Name == name {
			return i
		}
	}
	panic("wire: " + k.Name + " has no field " + name)
}

// KindOf finds the kind of a decoded descriptor, or nil.
func KindOf(descriptor any) *Kind {
	switch d := descriptor.(type) {
	case uint64:
		return kinds[d]
	case Symbol:
		return kindOf[d]
	}
	return nil
}
