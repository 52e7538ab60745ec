// bench/peers/go/task_million.go
// What do a million live tasks cost, each of which yields once and is joined?
// Goroutines and a WaitGroup, on one processor. Gosched would let early goroutines end before late ones
// are started; so each suspends on a channel, which the last one closes.
//
// Usage: task_million [tasks]

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

func main() {
	runtime.GOMAXPROCS(1)
	tasks := argument(1, 1000000)

	idleBytes := memoryBytes("VmRSS:")
	before := usageNow()
	var running int64
	allRunning := make(chan struct{})
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			if atomic.AddInt64(&running, 1) == int64(tasks) {
				close(allRunning)
			}
			<-allRunning
			group.Done()
		}()
	}
	group.Wait()
	used := usageNow().since(before)
	liveBytes := memoryBytes("VmHWM:") - idleBytes

	reportNs("task_million", "go", "ns_per_task", used, tasks)
	report("task_million", "go", "bytes_per_task", liveBytes/float64(tasks), "B")
}
