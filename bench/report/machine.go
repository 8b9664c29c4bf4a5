package report

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Machine is what results depend on besides the code.
type Machine struct {
	CPU    string
	Cores  int
	System string
	Go     string
	Commit string
}

// ThisMachine describes the machine, and the program at binary that is measured on it.
func ThisMachine(ctx context.Context, binary string) (Machine, error) {
	built, err := buildinfo.ReadFile(binary)
	if err != nil {
		return Machine{}, fmt.Errorf("%s is not there or was not built by Go: run make build: %w", binary, err)
	}
	info, _ := os.ReadFile("/proc/cpuinfo") // on Linux only
	return Machine{CPU: processor(string(info)), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: built.GoVersion, Commit: commit(ctx)}, nil
}

// String is one line for people.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, commit %s", m.CPU, m.Cores, m.System, strings.Replace(m.Go, "go", "Go ", 1), m.Commit)
}

// Heading says when and where something was measured.
func (m Machine) Heading(now time.Time) string {
	return fmt.Sprintf("Measured on %s (UTC): %s.", now.UTC().Format("2006-01-02 15:04"), m)
}

func processor(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return "unknown processor"
}

// commit is what is checked out, and whether the code differs from it.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", "*.go", "*.sql", "go.mod").Output()
	if err != nil || len(changed) > 0 {
		return strings.TrimSpace(string(head)) + " with changes"
	}
	return strings.TrimSpace(string(head))
}
