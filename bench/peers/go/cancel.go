// bench/peers/go/cancel.go
// What does it cost to cancel and join a task that sleeps, 100,000 of them at once? Starting them is not counted.
// Goroutines which wait for a timer or the end of their common context, on one processor.
//
// Usage: cancel [tasks]

package main

import (
	"context"
	"runtime"
	"sync"
	"time"
)

const crowdSize = 100000

func sleepAnHour(scope context.Context, group *sync.WaitGroup) {
	defer group.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-scope.Done():
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	crowds := (argument(1, 2000000) + crowdSize - 1) / crowdSize

	var used usage
	for i := 0; i < crowds; i++ {
		scope, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Add(crowdSize)
		for task := 0; task < crowdSize; task++ {
			go sleepAnHour(scope, &group)
		}
		time.Sleep(time.Millisecond) // now all of them sleep

		before := usageNow()
		cancel()
		group.Wait()
		used.add(usageNow().since(before))
	}

	reportNs("cancel", "go", "ns_per_task", used, crowds*crowdSize)
}
