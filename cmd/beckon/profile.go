//go:build profile

package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"
)

// A build for make pgo writes what its processor is busy with into the folder that PROFILE names, from its start until it is told to
// end.
func init() {
	folder := os.Getenv("PROFILE")
	if folder == "" {
		return
	}
	file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.pprof", os.Getpid())))
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "beckon: no profile is written:", err)
		return
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-end
		pprof.StopCPUProfile()
		_ = file.Close()
	}()
}
