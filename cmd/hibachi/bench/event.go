package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"hibachi/links/amqp"
)

// What a body begins with, big-endian: magic, run, time of sending, tenant, device, sequence.
const (
	bodyMagic = "hibachi\x01"
	bodyHead  = 8 + 8 + 8 + 4 + 4 + 4
)

// MaxDevices is bounded by the digits of a device id.
const MaxDevices = 10_000_000

// stamp is what an event of ours says of itself.
type stamp struct {
	Run    uint64
	At     int64 // nanoseconds on the clock of the run
	Tenant uint32
	Device uint32
	Seq    uint32 // counts from 1 for each device
}

func (s stamp) put(b []byte) {
	copy(b, bodyMagic)
	binary.BigEndian.PutUint64(b[8:], s.Run)
	binary.BigEndian.PutUint64(b[16:], uint64(s.At))
	binary.BigEndian.PutUint32(b[24:], s.Tenant)
	binary.BigEndian.PutUint32(b[28:], s.Device)
	binary.BigEndian.PutUint32(b[32:], s.Seq)
}

func parseStamp(b []byte) (s stamp, ok bool) {
	if len(b) < bodyHead || string(b[:8]) != bodyMagic {
		return s, false
	}
	return stamp{
		Run:    binary.BigEndian.Uint64(b[8:]),
		At:     int64(binary.BigEndian.Uint64(b[16:])),
		Tenant: binary.BigEndian.Uint32(b[24:]),
		Device: binary.BigEndian.Uint32(b[28:]),
		Seq:    binary.BigEndian.Uint32(b[32:]),
	}, true
}

// readEvent finds the stamp of a message with a body of size bytes. Brokers touch what stands before the body, so it is sought at
// the end first, and by sections if something follows it.
func readEvent(message []byte, size int) (stamp, bool) {
	if n := len(message) - size; n >= 0 {
		if s, ok := parseStamp(message[n:]); ok {
			return s, true
		}
	}
	m, err := amqp.ParseMessage(message)
	if err != nil {
		return stamp{}, false
	}
	data, ok := m.Data()
	if !ok {
		return stamp{}, false
	}
	return parseStamp(data)
}

// eventWriter makes the messages of one link out of one encoded message, in which it overwrites what differs: no event costs an
// encoding.
type eventWriter struct {
	message []byte
	device  []int // where the device's digits are
	id      int   // where the message id's digits are
	created int   // where creation-time's eight bytes are
	body    int   // where the body begins
	noise   []byte
	at      int // in noise
	n       uint64
	stamp   stamp
}

const (
	deviceDigits  = 7
	idDigits      = 10
	deviceHole    = "#######"
	idHole        = "%%%%%%%%%%"
	createdHole   = 0x0102030405060708
	noiseSurplus  = 64 << 10
	eventResource = "event"
)

// newEventWriter makes a writer of Hono events to tenant, as an HTTP adapter sends them, with size bytes of body. The body is
// noise behind the stamp, so that no store's compression makes the figures look better than they are.
func newEventWriter(run uint64, tenant string, index uint32, size int) (*eventWriter, error) {
	if size < bodyHead {
		return nil, fmt.Errorf("a body of %d bytes: at least %d are needed to say which event it is", size, bodyHead)
	}
	device := "device-" + deviceHole
	b := (&amqp.MessageHeader{Durable: true}).Append(nil)
	b = amqp.AppendSection(b, 0x72, amqp.MakeMap(
		amqp.Symbol("device_id"), device,
		amqp.Symbol("tenant_id"), tenant,
		amqp.Symbol("resource"), eventResource+"/"+tenant+"/"+device,
	))
	b = (&amqp.MessageProperties{
		MessageID:    amqp.Make("GenericSenderLink-" + idHole),
		To:           eventResource + "/" + tenant,
		ContentType:  "application/octet-stream",
		CreationTime: amqp.Some(int64(createdHole)),
	}).Append(b)
	b = amqp.AppendSection(b, 0x74, amqp.MakeMap(
		"device_id", device,
		"orig_adapter", "hono-http",
		"orig_address", "/event",
		"qos", int32(1),
	))
	w := &eventWriter{noise: make([]byte, size+noiseSurplus), stamp: stamp{Run: run, Tenant: index}}
	rng := rand.New(rand.NewPCG(run, uint64(index)))
	for i := range w.noise {
		w.noise[i] = byte(rng.Uint32())
	}
	w.message = amqp.AppendData(b, w.noise[:size])
	w.body = len(w.message) - size
	return w, w.findHoles()
}

func (w *eventWriter) findHoles() error {
	head := w.message[:w.body]
	for at := 0; ; {
		i := bytes.Index(head[at:], []byte(deviceHole))
		if i < 0 {
			break
		}
		w.device = append(w.device, at+i)
		at += i + len(deviceHole)
	}
	var created [8]byte
	binary.BigEndian.PutUint64(created[:], createdHole)
	w.id, w.created = bytes.Index(head, []byte(idHole)), bytes.Index(head, created[:])
	if len(w.device) != 3 || w.id < 0 || w.created < 0 {
		return fmt.Errorf("the template of an event is not as expected: %d device ids, message-id at %d, creation-time at %d",
			len(w.device), w.id, w.created)
	}
	return nil
}

// next gives the event, valid until the next call. at is the run's clock, unixMilli the world's.
func (w *eventWriter) next(device, seq uint32, at, unixMilli int64) []byte {
	w.n++
	for _, i := range w.device {
		putDigits(w.message[i:i+deviceDigits], uint64(device))
	}
	putDigits(w.message[w.id:w.id+idDigits], w.n)
	binary.BigEndian.PutUint64(w.message[w.created:], uint64(unixMilli))
	body := w.message[w.body:]
	w.at = (w.at + 61) % noiseSurplus
	copy(body, w.noise[w.at:])
	w.stamp.At, w.stamp.Device, w.stamp.Seq = at, device, seq
	w.stamp.put(body)
	return w.message
}

func putDigits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// expand fills a pattern such as event/{tenant}::{app}.
func expand(pattern, tenant, app string) string {
	return strings.NewReplacer("{tenant}", tenant, "{app}", app).Replace(pattern)
}
