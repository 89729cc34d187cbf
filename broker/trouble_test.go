package broker

import (
	"bytes"
	"testing"
)

// What consumers say of an event that they return goes with it, the latest if it is much, and never changes under a delivery's hands.
func TestRemarksAreBounded(t *testing.T) {
	var tr trouble
	tr.remark(nil)
	tr.remark(make([]byte, maxRemarkBytes+1))
	if len(tr.said()) != 0 {
		t.Fatalf("%d remarks of nothing, and of too much", len(tr.said()))
	}
	for i := range 2 * maxRemarks {
		tr.remark([]byte{byte(i)})
	}
	first := tr.said()
	if len(first) != maxRemarks || first[0][0] != maxRemarks || first[maxRemarks-1][0] != 2*maxRemarks-1 {
		t.Fatalf("remarks %v, want the latest %d", first, maxRemarks)
	}
	tr.remark(make([]byte, maxRemarkBytes-1))
	if got := tr.said(); len(got) != 2 || got[0][0] != 2*maxRemarks-1 {
		t.Fatalf("%d remarks, want the large one and the last before it", len(got))
	}
	if !bytes.Equal(first[0], []byte{maxRemarks}) {
		t.Fatal("a delivery's remarks were changed")
	}
	var none *trouble
	if none.said() != nil {
		t.Fatal("remarks of an event that never came back")
	}
}
