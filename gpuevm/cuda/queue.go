package cuda

import (
	"errors"
	"sync"
	"time"
)

// queue is a stream of the host device: work happens in order on a goroutine of its own. It
// is asynchronous because a GPU's is: who forgets to synchronise finds out here.
type queue struct {
	work chan func() (time.Duration, error)
	done chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex
	spent time.Duration
	errs  []error
}

func newQueue() *queue {
	q := &queue{work: make(chan func() (time.Duration, error), 64), done: make(chan struct{})}
	go q.run()
	return q
}

func (q *queue) run() {
	defer close(q.done)
	for f := range q.work {
		spent, err := f()
		q.mu.Lock()
		q.spent += spent
		if err != nil {
			q.errs = append(q.errs, err)
		}
		q.mu.Unlock()
	}
}

// sync waits until what was asked before is done, and takes what has added up.
func (q *queue) sync() (time.Duration, error) {
	reached := make(chan struct{})
	q.work <- func() (time.Duration, error) { close(reached); return 0, nil }
	<-reached
	q.mu.Lock()
	defer q.mu.Unlock()
	spent, err := q.spent, errors.Join(q.errs...)
	q.spent, q.errs = 0, nil
	return spent, err
}

// wait is sync that takes nothing.
func (q *queue) wait() {
	reached := make(chan struct{})
	q.work <- func() (time.Duration, error) { close(reached); return 0, nil }
	<-reached
}

func (q *queue) close() {
	close(q.work)
	<-q.done
}
