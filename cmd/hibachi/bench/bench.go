// Package bench is the command `hibachi bench`: load for an AMQP 1.0 broker, measured, and checked while it is measured.
//
// It owns the load (who sends what to whom), the check of the order, the histograms, the raw file to compare with, and the scenes of
// the project's figures. The protocol is bench/lean's. It knows nothing of the inside of a broker: what it says of Hibachi it could
// say of any other.
//
// In the order in which an event meets them: [Config] deals tenants and devices to connections; a sendWorker fills in an eventWriter's
// message and sends it on its connection; a receiveWorker reads its stamp, asks the [Check] whether it is the next of its device,
// and accepts it; a [Load] holds them all and runs one Phase after the other, each with a [Result]. [Raw] is the baseline, [Idle] and
// [Stuck] are scenes of their own, [TakeFigures] puts all of them together against a broker of its own.
package bench
