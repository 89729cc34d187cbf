// Package hono is what Eclipse Hono's Event API asks of a broker, as pure code.
//
// It owns the grammar of addresses, the rules that a message must keep to be taken as an event, the well-known event types, and a
// table that gives every binding sentence of the Event API page an id. It knows nothing of connections, stores and
// subscriptions: it does no I/O, keeps no state, and imports nothing of ours but the wire vocabulary.
//
// An event meets its types in this order:
//
//	Address      the link's address, taken apart: tenant, application, dead letters
//	Check        the message rules; it yields an
//	Event        what the broker needs to know of a message: device, expiry, Type, Warnings
//	Violation    or the rule that was broken: the Requirement, the AMQP condition, and a text that names the field
//	Requirement  the id under which a rule stands in Requirements, with the versions of Hono in which it holds
//
// Rules whose breach makes an event undeliverable or unordered are violations. Rules whose breach hurts nobody but a picky
// application are warnings: Hono's own components break some of them, and so does every adapter written by hand.
package hono
