// bench/peers/go/mutex.go
// What does a lock cost that is free, and what when it goes from hand to hand among eight tasks?
// sync.Mutex, on one processor. It is not handed over: who unlocks may take it again, so few locks are waited for.
//
// Usage: mutex [locks]

package main

import (
	"runtime"
	"sync"
)

const tasks = 8

func main() {
	runtime.GOMAXPROCS(1)
	locks := argument(1, 10000000)
	var mutex sync.Mutex

	before := usageNow()
	for i := 0; i < locks; i++ {
		mutex.Lock()
		mutex.Unlock()
	}
	reportNs("mutex", "go", "ns_per_free_lock", usageNow().since(before), locks)

	before = usageNow()
	var group sync.WaitGroup
	group.Add(tasks)
	for task := 0; task < tasks; task++ {
		go func() {
			for i := 0; i < locks/tasks; i++ {
				mutex.Lock()
				runtime.Gosched()
				mutex.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
	reportNs("mutex", "go", "ns_per_hand_over", usageNow().since(before), locks)
}
