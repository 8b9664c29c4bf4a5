package tools

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The limits of a program.
const (
	defaultPath   = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // where env has no PATH
	defaultMemory = 4 << 30
	maxProcessor  = 12 * time.Hour         // of processor time, over the life of one process
	endGrace      = 2 * time.Second        // to end after its input has, and again after it was asked to
	writePatience = 10 * time.Second       // in which it has to read what is written to it
	drainPatience = 500 * time.Millisecond // for what has been written, after it has ended
	maxStderrLine = 2 << 10
)

// process is a program that speaks MCP on its standard input and output. It has a process group of its own, which
// ends with it.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	ended  chan struct{} // closed when it has ended, and its group with it
	state  string        // how it has ended; after ended
	once   sync.Once
	stderr sync.WaitGroup
}

// startProcess starts the program of a server. tell gets each line of its standard error.
func startProcess(s Server, tell func(line string)) (*process, error) {
	environment, path := environmentOf(s)
	program, err := findProgram(s.Command[0], path)
	if err != nil {
		return nil, &notSent{err}
	}
	var files []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				files = append(files, r, w)
			}
		}
		return r, w
	}
	theirIn, ourIn := pipe()
	ourOut, theirOut := pipe()
	ourErr, theirErr := pipe()
	p := &process{
		cmd: &exec.Cmd{
			Path:   program,
			Args:   s.Command,
			Env:    environment,
			Stdin:  theirIn,
			Stdout: theirOut,
			Stderr: theirErr,
		},
		stdin:  ourIn,
		stdout: ourOut,
		ended:  make(chan struct{}),
	}
	if err == nil {
		err = p.start(s, ourErr, tell)
	}
	if err != nil {
		for _, f := range files {
			_ = f.Close()
		}
		return nil, &notSent{fmt.Errorf("%s cannot be started: %w", s.Command[0], err)}
	}
	for _, f := range []*os.File{theirIn, theirOut, theirErr} {
		_ = f.Close()
	}
	return p, nil
}

func (p *process) start(s Server, stderr *os.File, tell func(string)) error {
	isolate(p.cmd)
	p.stderr.Go(func() { tellLines(stderr, tell) })
	started := make(chan error)
	go func() {
		defer keepThread()() // the kernel ends a process with the thread that has started it
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = p.cmd.Wait()
		killGroup(p.cmd)
		for _, f := range []*os.File{p.stdout, stderr} { // what is left of its family may hold them open
			_ = f.SetReadDeadline(time.Now().Add(drainPatience))
		}
		p.stderr.Wait()
		p.state = "the program has ended"
		if err != nil {
			p.state += ": " + err.Error()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	memory := int64(s.Memory)
	if memory == 0 {
		memory = defaultMemory
	}
	limit(p.cmd, memory, maxProcessor)
	return nil
}

// tellLines tells of each line that a program writes to its standard error.
func tellLines(stderr *os.File, tell func(line string)) {
	defer stderr.Close()
	in := bufio.NewReaderSize(stderr, maxStderrLine)
	for {
		line, isLong, err := readLine(in, maxStderrLine)
		if text := strings.TrimSpace(string(line)); text != "" {
			if isLong {
				text += " …"
			}
			tell(text)
		}
		if err != nil {
			return
		}
	}
}

// environmentOf is all of a program's environment, and the PATH in it.
func environmentOf(s Server) (list []string, path string) {
	path = defaultPath
	for name, value := range s.Env {
		list = append(list, name+"="+value.Reveal())
		if name == "PATH" {
			path = value.Reveal()
		}
	}
	if _, has := s.Env["PATH"]; !has {
		list = append(list, "PATH="+path)
	}
	return list, path
}

// findProgram looks for a program where its own environment says.
func findProgram(name, path string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%s cannot be started: %w", name, errors.Unwrap(err))
		}
		return name, nil
	}
	for _, folder := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil && filepath.IsAbs(found) {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not in the PATH %s: write its whole path, or set PATH in env", name, path)
}

// end waits until the program has ended, and says how.
func (p *process) end() error {
	<-p.ended
	return &lost{p.state}
}

// stop has it end. The error says how it had ended before; it is nil where it had not.
func (p *process) stop() (err error) {
	select {
	case <-p.ended:
		err = p.end()
	default:
	}
	_ = p.Close()
	return err
}

// Write writes to its standard input.
func (p *process) Write(b []byte) (int, error) {
	_ = p.stdin.SetWriteDeadline(time.Now().Add(writePatience))
	n, err := p.stdin.Write(b)
	switch {
	case err == nil:
		return n, nil
	case n == 0 && !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, &notSent{errors.New("the program does not read any more")}
	}
	return n, &lost{"the program has not read what was sent to it"}
}

// Close has it end: by its input, then by a signal, then by force.
func (p *process) Close() error {
	p.once.Do(func() {
		_ = p.stdin.Close()
		for _, next := range []func(){func() { terminateGroup(p.cmd) }, func() { killGroup(p.cmd) }} {
			select {
			case <-p.ended:
			case <-time.After(endGrace):
				next()
				continue
			}
			break
		}
		<-p.ended
		_ = p.stdout.Close()
	})
	return nil
}

var _ io.WriteCloser = (*process)(nil)
