package bench

import (
	"testing"
	"time"
)

// Each device is sent on one connection only, and all of them are.
func TestDevicesAreDealtToSenders(t *testing.T) {
	for _, tt := range []struct{ senders, tenants, devices int }{
		{8, 8, 100}, {1, 8, 10}, {3, 8, 10}, {8, 3, 100}, {5, 2, 7}, {16, 1, 10}, {4, 4, 1},
	} {
		cfg := Config{Senders: tt.senders, Tenants: tt.tenants, Devices: tt.devices}.WithDefaults()
		owner := map[[2]int]int{}
		for i, shares := range cfg.shares() {
			for _, s := range shares {
				for n := range uint32(2 * tt.devices) {
					d := [2]int{s.tenant, int(s.device(n))}
					if o, ok := owner[d]; ok && o != i {
						t.Fatalf("%+v: device %v has senders %d and %d", tt, d, o, i)
					}
					owner[d] = i
				}
			}
		}
		if len(owner) != tt.tenants*tt.devices {
			t.Errorf("%+v: %d devices are sent", tt, len(owner))
		}
	}
}

func TestEveryTenantHasAReceiver(t *testing.T) {
	for _, tt := range []struct{ receivers, tenants int }{{8, 8}, {3, 8}, {8, 3}, {1, 1}} {
		cfg := Config{Receivers: tt.receivers, Tenants: tt.tenants}.WithDefaults()
		served, idle := map[int]bool{}, 0
		for _, tenants := range cfg.sources() {
			if len(tenants) == 0 {
				idle++
			}
			for _, n := range tenants {
				served[n] = true
			}
		}
		if len(served) != tt.tenants || idle > 0 {
			t.Errorf("%+v: %d tenants are received, %d receivers have nothing", tt, len(served), idle)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]Config{
		"no tenants":  {Tenants: -1},
		"small body":  {Size: 10},
		"huge window": {Window: 1 << 20},
		"rate":        {Rate: -1},
	} {
		if c.WithDefaults().Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (Config{}).WithDefaults().Validate(); err != nil {
		t.Error(err)
	}
}

func TestTheStuckScenesBacklogIsHalfHeld(t *testing.T) {
	s := &stuckScene{o: StuckOptions{Held: 100, Devices: 10_001}}
	const each = 10_000
	first, all := map[uint32]bool{}, map[uint32]int{}
	held := 0
	for i := range stuckSenders {
		share := s.share(i)
		for n := range uint32(each) {
			d := share.device(n)
			all[d]++
			if d < 100 {
				held++
			}
			if int(n) < share.limit {
				first[d] = true
				if d >= 100 {
					t.Errorf("device %d is among the first", d)
				}
			}
		}
	}
	if len(first) != 100 || len(all) != 10_101 {
		t.Errorf("%d devices among the first, %d in all", len(first), len(all))
	}
	if share := float64(held) / (stuckSenders * each); share < 0.49 || share > 0.52 {
		t.Errorf("%.2f of the backlog are of held devices", share)
	}
}

func TestProcFilesAreRead(t *testing.T) {
	stat := []byte("4711 (a ) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 100 1 2\n")
	if d, err := parseStat(stat); err != nil || d != 3*time.Second {
		t.Errorf("CPU %v, error %v", d, err)
	}
	if n, err := parseKilobytes([]byte("Name:\tx\nVmRSS:\t    40 kB\n"), "VmRSS:"); err != nil || n != 40<<10 {
		t.Errorf("RSS %d, error %v", n, err)
	}
	if _, err := parseStat([]byte("garbage")); err == nil {
		t.Error("garbage was read as a stat line")
	}
	if _, err := parseKilobytes([]byte("VmRSS:\t40 MB\n"), "VmRSS:"); err == nil {
		t.Error("megabytes were read as kilobytes")
	}
}
