package broker

import (
	"github.com/cespare/xxhash/v2"

	"hibachi/persistence"
)

// laneSeed keys the hash. It is part of the format on disk: lanes are stored in the records' keys, and a store that was written with
// another seed would put a device's old and new events into two lanes.
const laneSeed = 0x68696261_63686921 // "hibachi!"

// laneOf gives the lane of a device: xxHash64 of its id. Two devices that collide share a lane, that is, wait for each other; nothing
// else depends on the hash, so it need not withstand an attacker: a tenant that makes its devices collide slows down itself alone.
func laneOf(device string) persistence.Lane {
	var d xxhash.Digest
	d.ResetWithSeed(laneSeed)
	_, _ = d.WriteString(device) // never fails
	return persistence.Lane(d.Sum64())
}
