package server

import (
	"net"
	"testing"
	"time"
)

func TestTheReadyLine(t *testing.T) {
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5672}
	for _, tt := range []struct {
		r    Ready
		want string
	}{
		{Ready{Address: address, Data: "./data", Exact: true, Took: 21 * time.Millisecond},
			"hibachi ready on amqp://127.0.0.1:5672, data in ./data, 0 tenants, no events, 21 ms"},
		{Ready{Address: address, Data: "./data", Tenants: 1, Events: 1, Exact: true},
			"hibachi ready on amqp://127.0.0.1:5672, data in ./data, 1 tenant, 1 event, 0 ms"},
		{Ready{Address: address, Data: "/d", Tenants: 300, Events: 120, Took: 84 * time.Millisecond},
			"hibachi ready on amqp://127.0.0.1:5672, data in /d, 300 tenants, about 120 events, 84 ms"},
		{Ready{Address: address, Data: "/d", Tenants: 300},
			"hibachi ready on amqp://127.0.0.1:5672, data in /d, 300 tenants, about 0 events, 0 ms"},
	} {
		if got := tt.r.String(); got != tt.want {
			t.Errorf("%q, not %q", got, tt.want)
		}
	}
}
