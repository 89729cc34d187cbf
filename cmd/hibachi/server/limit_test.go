package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAHangingStopIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hang := make(chan struct{})
		defer close(hang)
		time.AfterFunc(time.Hour, cancel)
		began := time.Now()
		err := within(ctx, 10*time.Second, func(context.Context) error { <-hang; return nil }, func() phase { return phaseCloseStore })
		if err == nil || !strings.Contains(err.Error(), string(phaseCloseStore)) {
			t.Errorf("the error is %v and does not name the phase", err)
		}
		if took := time.Since(began); took != time.Hour+10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAnOrderlyStopIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		failed := errors.New("close the store")
		err := within(ctx, 10*time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(9 * time.Second)
			return failed
		}, func() phase { return phaseReady })
		if err != failed {
			t.Errorf("the error is %v", err)
		}
	})
}
