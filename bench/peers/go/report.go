// bench/peers/go/report.go
// What every benchmark program in Go needs, as bench/support/report.hpp is for C++.

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type usage struct{ user, system, wall float64 }

var started = time.Now()

func usageNow() usage {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)*1e-6 }
	return usage{seconds(used.Utime), seconds(used.Stime), time.Since(started).Seconds()}
}

func (later usage) since(earlier usage) usage {
	return usage{later.user - earlier.user, later.system - earlier.system, later.wall - earlier.wall}
}

func (u *usage) add(more usage) {
	u.user += more.user
	u.system += more.system
	u.wall += more.wall
}

// How long the sleeper of `sleepers` with a number sleeps in each round; Naps of report.hpp.
type naps uint64

func napsOf(number int) naps { return naps(number + 1) }

func (n *naps) next() time.Duration {
	*n = *n * 48271 % 2147483647
	return time.Duration(10000+*n%1000*10) * time.Microsecond
}

// "VmRSS:" now or "VmHWM:" at its highest; ru_maxrss would survive exec().
func memoryBytes(field string) float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, field) {
			kib, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return kib * 1024
		}
	}
	return 0
}

func argument(index int, fallback int) int {
	if index >= len(os.Args) {
		return fallback
	}
	value, err := strconv.Atoi(os.Args[index])
	if err != nil || value <= 0 {
		fmt.Fprintf(os.Stderr, "%s: argument %d is %q, not a positive number\n", os.Args[0], index, os.Args[index])
		os.Exit(2)
	}
	return value
}

func report(bench, who, figure string, value float64, unit string) {
	fmt.Printf(`{"bench":"%s","who":"%s","figure":"%s","value":%.6g,"unit":"%s"}`+"\n",
		bench, who, figure, value, unit)
}

func reportNs(bench, who, figure string, used usage, pieces int) {
	report(bench, who, figure, (used.user+used.system)*1e9/float64(pieces), "ns")
}
