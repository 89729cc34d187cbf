package amqp

import (
	"fmt"
	"testing"
)

// TestStrings: texts that the golden vectors do not have.
func TestStrings(t *testing.T) {
	tag := func(s string) fmt.Stringer { return &Transfer{DeliveryTag: []byte(s)} }
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{&Transfer{}, "transfer handle=0"},
		{tag("a-1"), "transfer handle=0 delivery-tag=a-1"},
		{tag("0x12"), "transfer handle=0 delivery-tag=0x30783132"},
		{tag("a b"), "transfer handle=0 delivery-tag=0x612062"},
		{tag("a=b"), "transfer handle=0 delivery-tag=0x613d62"},
		{tag("\x00\x01"), "transfer handle=0 delivery-tag=0x0001"},
		{&Open{ContainerID: "a b", MaxFrameSize: 512, ChannelMax: 65535, Hostname: "\""}, `open container-id="a b" hostname="\"" max-frame-size=512`},
		{&Open{ChannelMax: 65535, MaxFrameSize: 0xffffffff}, `open container-id=""`},
		{&Attach{LinkName: "l", SndSettleMode: 9, RcvSettleMode: 9}, "attach name=l handle=0 role=sender snd-settle-mode=9 rcv-settle-mode=9"},
		{&Source{}, "{}"},
		{&Source{HasAddress: true, Durable: DurableConfiguration}, `{address="" durable=configuration}`},
		{&Target{Address: "a", ExpiryPolicy: ExpiryNever, Timeout: 5}, "{address=a expiry-policy=never timeout=5}"},
		{DeliveryState{}, "none"},
		{DeliveryState{Kind: Received, SectionOffset: 5}, "received(section-number=0 section-offset=5)"},
		{DeliveryState{Kind: Rejected, Err: Errorf(ErrDecode, "bad")}, `rejected(amqp:decode-error("bad"))`},
		{DeliveryState{Kind: Modified, UndeliverableHere: true}, "modified(undeliverable-here=true)"},
		{KindMap, "map"},
		{Kind(200), "invalid"},
		{BodySequence, "amqp-sequence"},
		{SASLSysTemp, "sys-temp"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

// TestSecretsAreNotShown: what goes by in SASL is not for logs.
func TestSecretsAreNotShown(t *testing.T) {
	for want, body := range map[string]Body{
		"sasl-init mechanism=PLAIN initial-response=<6 bytes> hostname=h": &SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("secret"), Hostname: "h"},
		"sasl-init mechanism=EXTERNAL":                                    &SASLInit{Mechanism: "EXTERNAL"},
		"sasl-challenge challenge=<6 bytes>":                              &SASLChallenge{[]byte("secret")},
		"sasl-response response=<6 bytes>":                                &SASLResponse{[]byte("secret")},
		"sasl-outcome code=ok additional-data=<6 bytes>":                  &SASLOutcome{AdditionalData: []byte("secret")},
	} {
		if got := body.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
