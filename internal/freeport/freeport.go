// Package freeport finds addresses on loopback for processes that tests and measurements start.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// Systems hand out ports from 32768 on, or higher up. One below that stays free between being found and being listened
// on, and while what listens on it is started anew.
const lowest, ports = 15_000, 15_000

// Processes that look at the same time begin at different places; within one, no port is found twice.
var (
	first = rand.Int64N(ports)
	found atomic.Int64
)

// Address returns a host and port that nobody listens on.
func Address() (string, error) {
	for range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+(first+found.Add(1))%ports))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", errors.New("no port is free on 127.0.0.1")
}
