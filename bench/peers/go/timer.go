// bench/peers/go/timer.go
// What does it cost, with a million timers waiting, to cancel the oldest and to start a new one?
// Deadlines are random, between one and two hours from now; nothing expires.
// time.AfterFunc and Stop, on one processor.
//
// Usage: timer [waiting] [pairs]

package main

import (
	"math/rand"
	"runtime"
	"time"
)

func main() {
	runtime.GOMAXPROCS(1)
	waiting := argument(1, 1000000)
	pairs := argument(2, 5000000)
	random := rand.New(rand.NewSource(1))
	anHourOrTwo := func() time.Duration { return time.Hour + time.Duration(random.Int63n(int64(time.Hour))) }
	nothing := func() {}

	timers := make([]*time.Timer, waiting)
	for i := range timers {
		timers[i] = time.AfterFunc(anHourOrTwo(), nothing)
	}

	before := usageNow()
	for i := 0; i < pairs; i++ {
		oldest := i % waiting
		timers[oldest].Stop()
		timers[oldest] = time.AfterFunc(anHourOrTwo(), nothing)
	}
	used := usageNow().since(before)

	reportNs("timer", "go", "ns_per_timer", used, pairs)
}
