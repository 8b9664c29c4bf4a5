// Package process runs the servers that are measured, each in an operating system's process of its own.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is what a server gets to end after SIGTERM before it is killed.
const grace = 15 * time.Second

// tail is how much of a server's log goes into an error.
const tail = 2000

// Command is a server to start.
type Command struct {
	Name string // for messages
	Path string
	Args []string
	Env  []string // nil is this process's
	Log  string   // the file that takes its standard output and error
}

// Process is a server that was started.
type Process struct {
	name, log string
	cmd       *exec.Cmd
	stop      context.CancelFunc
	done      chan struct{} // closed when it has ended
	err       error         // how it ended; after done
}

// Start starts c, until Stop or the end of ctx.
func Start(ctx context.Context, c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	defer log.Close() // the process has its own
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	p := &Process{name: c.Name, log: c.Log, cmd: cmd, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// Stop ends the process and waits until it has. A process that had ended by itself, or had to be killed, is an error.
func (p *Process) Stop() error {
	select {
	case <-p.done:
		return p.Failure(errors.New("it ended by itself"))
	default:
	}
	p.stop()
	<-p.done
	if state := p.cmd.ProcessState; state != nil {
		if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return p.Failure(fmt.Errorf("it did not end within %s of SIGTERM", grace))
		}
	}
	return nil
}

// Kill ends the process as a power cut would, and waits until it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended already
	<-p.done
	p.stop()
}

// Failure says what is wrong with the process, with the end of its log.
func (p *Process) Failure(what error) error {
	text, err := os.ReadFile(p.log)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return fmt.Errorf("%s: %w", p.name, what)
	}
	return fmt.Errorf("%s: %w; its log ends with\n%s", p.name, what, strings.TrimSpace(string(text[max(0, len(text)-tail):])))
}
