package pebble

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hibachi/persistence"
)

// Run with -bench . -benchtime 3s -count 3 on an idle machine. Numbers of different runs do not compare: disks differ from minute to minute. So the
// raw file is measured in the same run, engine and file by turns.

const benchBody = 1024

// BenchmarkAppend keeps so many records of 1 KiB in flight.
func BenchmarkAppend(b *testing.B) {
	for _, inFlight := range []int{1, 256, 4096} {
		b.Run(fmt.Sprintf("raw/inflight=%d", inFlight), func(b *testing.B) { benchRaw(b, inFlight) })
		b.Run(fmt.Sprintf("store/inflight=%d", inFlight), func(b *testing.B) { benchStore(b, inFlight) })
	}
}

// slot is a record in flight, and used again once it is durable.
type slot struct {
	a    persistence.Append
	free chan<- *slot
}

func (s *slot) Appended(_ persistence.Position, err error) {
	if err != nil {
		panic(err)
	}
	s.free <- s
}

func benchOpen(b *testing.B) *Store {
	o := small(nil)
	o.FS, o.Dir = nil, b.TempDir()
	o.MemTableSize, o.CacheSize, o.RingBytes, o.FetchWorkers = 0, 0, 0, 0
	return mustOpen(b, o)
}

func benchStore(b *testing.B, inFlight int) {
	s := benchOpen(b)
	defer mustClose(b, s)
	free := make(chan *slot, inFlight)
	body := make([]byte, benchBody)
	for range inFlight {
		sl := &slot{free: free}
		sl.a = persistence.Append{Body: body, Done: sl}
		free <- sl
	}
	var logs []*log
	for i := range 100 {
		logs = append(logs, mustLog(b, s, fmt.Sprint(i)))
	}
	b.SetBytes(benchBody)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		logs[i%len(logs)].Append(&(<-free).a)
	}
	for range inFlight {
		<-free
	}
	b.StopTimer()
	st := s.Stats()
	b.ReportMetric(float64(st.Appends)/b.Elapsed().Seconds(), "rec/s")
	b.ReportMetric(float64(st.Appends)/float64(st.Commits), "rec/sync")
}

// benchRaw is what the disk could do: group commit into a preallocated file.
func benchRaw(b *testing.B, inFlight int) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const size = 256 << 20
	zeros := make([]byte, 1<<20)
	for range size / len(zeros) {
		if _, err := f.Write(zeros); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	var waiting, done int
	some := sync.NewCond(&mu)
	b.SetBytes(benchBody)
	b.ResetTimer()
	go func() { // hands over as long as fewer than inFlight wait
		for i := range b.N {
			mu.Lock()
			for i-done >= inFlight {
				some.Wait()
			}
			waiting++
			mu.Unlock()
			some.Broadcast()
		}
	}()
	var offset int64
	for done < b.N {
		mu.Lock()
		for waiting == 0 {
			some.Wait()
		}
		n := min(waiting, len(zeros)/benchBody)
		waiting -= n
		mu.Unlock()
		if offset+int64(n*benchBody) > size {
			offset = 0
		}
		if _, err := f.WriteAt(zeros[:n*benchBody], offset); err != nil {
			b.Fatal(err)
		}
		if err := datasync(f); err != nil {
			b.Fatal(err)
		}
		offset += int64(n * benchBody)
		mu.Lock()
		done += n
		mu.Unlock()
		some.Broadcast()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rec/s")
}

// filled is a log with n records, flushed to tables.
func filled(b *testing.B, n int) (*Store, *log) {
	s := benchOpen(b)
	l := mustLog(b, s, "acme")
	var wg sync.WaitGroup
	wg.Add(n)
	body := make([]byte, benchBody)
	done := doneFunc(func() { wg.Done() })
	for range n {
		l.Append(&persistence.Append{Body: body, Done: done})
	}
	wg.Wait()
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	return s, l
}

type doneFunc func()

func (f doneFunc) Appended(persistence.Position, error) { f() }

func BenchmarkScan(b *testing.B) {
	s, l := filled(b, 200_000)
	defer mustClose(b, s)
	c := mustCursor(b, l, "a", &account{})
	b.ResetTimer()
	keys := 0
	for b.Loop() {
		for after := persistence.Position(0); after < l.Head(); {
			page, through, err := scanPage(l, c, after, 4096)
			if err != nil {
				b.Fatal(err)
			}
			keys += len(page)
			after = through
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(keys), "ns/key")
}

func BenchmarkFetch(b *testing.B) {
	s, l := filled(b, 200_000)
	defer mustClose(b, s)
	all := scanAll(b, l, nil)
	for _, every := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("every=%d", every), func(b *testing.B) {
			var at, bodies int
			for b.Loop() {
				var keys []persistence.Key
				for range 256 {
					keys = append(keys, all[at%len(all)])
					at += every
				}
				if keys[0].Position > keys[len(keys)-1].Position {
					at = 0 // over the end
					continue
				}
				bodies += len(fetchAll(b, l, keys))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(bodies), "ns/record")
		})
	}
}

// BenchmarkQueueOnly is the cost of handing over and being called back without a disk.
func BenchmarkQueueOnly(b *testing.B) {
	f := &fakeDisk{syncs: make(chan error)}
	close(f.syncs)
	s, l := newFake(f)
	var n atomic.Int64
	done := doneFunc(func() { n.Add(1) })
	appends := make([]persistence.Append, 4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a := &appends[i%len(appends)]
		*a = persistence.Append{Done: done}
		l.Append(a)
		for int64(i)-n.Load() >= int64(len(appends))-1 {
			time.Sleep(time.Microsecond)
		}
	}
	s.queue.close()
	<-s.finisher.done
}
