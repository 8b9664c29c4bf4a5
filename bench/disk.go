package main

import (
	"os"
	"path/filepath"
	"time"

	"beckon/bench/report"
)

const (
	syncs     = 200
	blockSize = 4096
)

// syncTime is how many milliseconds this machine's disk takes for a small write that survives a power cut. Whatever
// records before it answers has at least that on top.
func syncTime(folder string) (float64, error) {
	f, err := os.Create(filepath.Join(folder, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block, times := make([]byte, blockSize), make([]float64, 0, syncs)
	for range syncs {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, milliseconds(time.Since(began)))
	}
	return report.Median(times), nil
}
