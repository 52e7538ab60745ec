// bench/peers/go/sleepers.go
// What CPU does it cost to wake one of 10,000 sleepers? Each sleeps 10 to 20 ms, again and again.
// Goroutines and time.Sleep, on one processor.
//
// Usage: sleepers [wake-ups]

package main

import (
	"runtime"
	"sync"
	"time"
)

const sleepers = 10000

func main() {
	runtime.GOMAXPROCS(1)
	rounds := (argument(1, 2000000) + sleepers - 1) / sleepers

	before := usageNow()
	var group sync.WaitGroup
	group.Add(sleepers)
	for number := 0; number < sleepers; number++ {
		go func(number int) {
			naps := napsOf(number)
			for i := 0; i < rounds; i++ {
				time.Sleep(naps.next())
			}
			group.Done()
		}(number)
	}
	group.Wait()
	used := usageNow().since(before)

	reportNs("sleepers", "go", "ns_per_wake_up", used, rounds*sleepers)
}
