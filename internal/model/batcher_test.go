package model

import (
	"errors"
	"testing"
	"time"
)

// TestABatchGoesWhenNobodyElseCanCome: the pipelines whose requests are on the device cannot join.
func TestABatchGoesWhenNobodyElseCanCome(t *testing.T) {
	c := newCrowd(t, 4, 4, 2)
	c.ask(0, 0) // the device is free: nothing to wait for
	if n := c.batch(); n != 1 {
		t.Errorf("the first batch has %d items, want 1", n)
	}
	c.ask(2, 1, 2) // the device works and pipeline 3 may still come
	c.ask(0, 3)
	if n := c.batch(); n != 3 {
		t.Errorf("the second batch has %d items, want the other 3 pipelines'", n)
	}
	close(c.device.finish)
}

// TestWorkersDoNotShareOutWhatWaits: with several free workers all requests still make one batch.
func TestWorkersDoNotShareOutWhatWaits(t *testing.T) {
	for range 20 {
		c := newCrowd(t, 9, 8, 4)
		c.ask(0, 0)
		c.batch()
		c.ask(0, 1, 2, 3, 4, 5, 6, 7, 8)
		if n := c.batch(); n != 8 {
			t.Errorf("a batch has %d items, want all 8", n)
		}
		close(c.device.finish)
		c.running.Wait()
	}
}

// TestSmallBatchesDoNotPileUp: beside two batches only a full one starts, however long its requests have waited.
func TestSmallBatchesDoNotPileUp(t *testing.T) {
	c := newHurriedCrowd(t, 9, 3, 4, time.Microsecond)
	for i := range 2 {
		c.ask(0, i)
		if n := c.batch(); n != 1 {
			t.Errorf("batch %d has %d items, want 1", i, n)
		}
	}
	c.ask(2, 2, 3)
	time.Sleep(20 * time.Millisecond) // a thousand times what they would wait
	c.ask(2)
	c.ask(0, 4)
	if n := c.batch(); n != 3 {
		t.Errorf("beside two batches one of %d items begins, want a full one of 3", n)
	}
	c.ask(1, 5)
	for range 2 {
		c.device.finish <- struct{}{}
	}
	if n := c.batch(); n != 1 {
		t.Errorf("the last batch has %d items, want the one that waited", n)
	}
	close(c.device.finish)
}

// TestABatchGoesWhenItIsFull: it does not wait for the rest, which makes the next one when the device is free.
func TestABatchGoesWhenItIsFull(t *testing.T) {
	c := newCrowd(t, 6, 2, 2)
	c.ask(0, 0)
	if n := c.batch(); n != 1 {
		t.Errorf("the first batch has %d items, want 1", n)
	}
	c.ask(0, 1, 2)
	if n := c.batch(); n != 2 {
		t.Errorf("the second batch has %d items, want 2", n)
	}
	c.ask(1, 3) // both workers are busy
	c.device.finish <- struct{}{}
	c.device.finish <- struct{}{}
	if n := c.batch(); n != 1 {
		t.Errorf("the last batch has %d items, want the one that waited", n)
	}
	close(c.device.finish)
}

// TestAPartBatchWaitsForThoseThatCameBack: a request that has waited long enough waits on while those of the last batch
// may ask again, and no longer.
func TestAPartBatchWaitsForThoseThatCameBack(t *testing.T) {
	engine := newHurriedCrowd(t, 1, 3, 1, time.Minute).manager.Engine(Detection)
	for name, c := range map[string]struct {
		landed time.Duration
		begins bool
	}{"just now": {time.Second, false}, "long ago": {2 * time.Minute, true}} {
		b := &batcher{engine: engine, contexts: map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, flying: 1, batches: 1,
			landed: time.Now().Add(-c.landed), waiting: []*batchedRunner{{items: 1, since: time.Now().Add(-time.Hour)}}}
		batch, items, wait := b.take(nil)
		if begins := len(batch) == 1 && items == 1 && wait == 0; begins != c.begins || wait > time.Minute {
			t.Errorf("%s: a batch of %d, wait %v", name, items, wait)
		}
	}
}

// TestWhoComesBackDoesNotMakeSmallBatches: that nobody else can come starts no third batch.
func TestWhoComesBackDoesNotMakeSmallBatches(t *testing.T) {
	c := newCrowd(t, 5, 3, 4)
	c.ask(0, 0)
	if n := c.batch(); n != 1 {
		t.Errorf("the first batch has %d items, want 1", n)
	}
	c.ask(0, 1, 2, 3)
	if n := c.batch(); n != 3 {
		t.Errorf("the second batch has %d items, want 3", n)
	}
	c.ask(1, 4) // the other four are on the device
	time.Sleep(20 * time.Millisecond)
	c.ask(1)
	c.device.finish <- struct{}{}
	c.device.finish <- struct{}{}
	if n := c.batch(); n != 1 {
		t.Errorf("the last batch has %d items, want 1", n)
	}
	close(c.device.finish)
}

// TestAPartBatchIsCutWhereTwoCostLess: room in a plan costs as much as what fills it.
func TestAPartBatchIsCutWhereTwoCostLess(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		items []int // of those that wait
		want  int   // requests in the batch
	}{
		{[]int{8, 32}, []int{7}, 1},
		{[]int{8, 32}, []int{4, 4}, 2},
		{[]int{8, 32}, []int{4, 4, 1}, 2},          // 8 and 8 instead of 32
		{[]int{8, 32}, []int{7, 7}, 1},             // the same
		{[]int{8, 32}, []int{7, 7, 3}, 3},          // 8 and 32 are more than 32
		{[]int{8, 32}, []int{7, 7, 7, 3}, 4},       // the same
		{[]int{8, 32}, []int{9, 1, 1}, 3},          // the first does not go into the smaller one
		{[]int{1, 8}, []int{1, 1}, 1},              // one by one
		{[]int{1, 8}, []int{1, 1, 1}, 3},           // which is no gain for more
		{[]int{16, 32}, []int{9, 9}, 2},            // 16 and 16 are no less than 32
		{[]int{16}, []int{1, 1}, 2},                // there is no smaller one
		{[]int{8, 32}, []int{20, 12}, 2},           // full
		{[]int{8, 32}, []int{7, 7, 7, 7, 7, 7}, 4}, // full: the fifth has no room
		{[]int{8, 32, 64}, []int{15, 15, 6}, 2},    // 32 and 8 instead of 64
		{[]int{8, 32, 64}, []int{15, 15, 15}, 3},   // 32 and 32 are no less
		{nil, []int{3, 2}, 2},                      // a plan for every number
		{[]int{4, 8}, []int{1, 1, 1, 1, 1, 1, 1}, 7},
	} {
		d := newFake(32)
		if d.sizes = c.sizes; c.sizes != nil {
			d.most = c.sizes[len(c.sizes)-1]
		}
		m, err := New(Config{Device: d, Mode: Batched, Models: []Spec{{Task: Pose, Name: "p", Read: func() ([]byte, error) { return nil, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		b := &batcher{engine: m.Engine(Pose), contexts: map[string]int{"a": 1}}
		items := 0
		for i, n := range c.items {
			b.waiting = append(b.waiting, &batchedRunner{items: n})
			if i < c.want {
				items += n
			}
		}
		batch, got, wait := b.take(nil)
		if len(batch) != c.want || got != items || wait != 0 || b.flying != c.want || len(b.waiting) != len(c.items)-c.want {
			t.Errorf("sizes %v, requests %v: a batch of %d requests, %d items, %d left; want %d requests", c.sizes, c.items, len(batch), got, len(b.waiting), c.want)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestAFailedBatchIsWaitedFor: what of it was queued works in the pipelines' buffers, so they learn of it when that is over.
func TestAFailedBatchIsWaitedFor(t *testing.T) {
	c := newCrowd(t, 1, 1, 1)
	c.device.refusal, c.device.working = errors.New("refused"), make(chan struct{})
	told := make(chan error, 1)
	c.running.Go(func() { told <- c.list[0].Of(Detection).Infer(1) })
	select {
	case err := <-told:
		t.Errorf("the pipeline was told %v while the batch's stream works", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(c.device.working)
	if err := <-told; !errors.Is(err, c.device.refusal) {
		t.Errorf("error %v", err)
	}
}
