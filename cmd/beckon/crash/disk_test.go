package crash_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// smallDisk is a folder whose disk can be filled. Who may not mount one has the system refuse the gateway's writes instead.
type smallDisk struct {
	folder  string
	mounted bool
}

func newSmallDisk(t *testing.T) *smallDisk {
	d := &smallDisk{folder: t.TempDir()}
	d.mounted = exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", d.folder).Run() == nil
	if d.mounted {
		t.Cleanup(func() { require.NoError(t, exec.Command("umount", "-l", d.folder).Run()) })
	}
	return d
}

// fill has the gateway's writes fail until the returned function is called.
func (d *smallDisk) fill(t *testing.T, g *process) (free func()) {
	if !d.mounted {
		limit := func(size string) {
			out, err := exec.Command("prlimit", "--pid", strconv.Itoa(g.cmd.Process.Pid), "--fsize="+size+":unlimited").CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		limit("0")
		return func() { limit("unlimited") }
	}
	path := filepath.Join(d.folder, "filler")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	return func() { require.NoError(t, os.Remove(path)) }
}

// ready asks a gateway whether it takes calls.
func (g *process) ready() bool {
	status, _ := g.call("GET", "/readyz", "")
	return status == 200
}

// The disk of the database is full for three seconds.
func fullDisk(t *testing.T, table *results) {
	disk := newSmallDisk(t)
	url := "sqlite:" + filepath.Join(disk.folder, "beckon.db")
	l := newLab(t, url, url, 1)
	seen, rounds := 0, times(1, 10)
	back := l.interrupt(func() {
		for i := range rounds {
			if i > 0 {
				l.load.awaitAccepted(20)
			}
			free, unready := disk.fill(t, l.gateway(0)), false
			repeat(100*time.Millisecond, 3*time.Second, func() { unready = unready || !l.gateway(0).ready() })
			free()
			if unready {
				seen++
			}
		}
	})
	// SQLite's log, once it has grown, may have room for the writes of one time or another.
	assert.Positive(t, seen, "while nothing could be written, the gateway was ready")
	require.Eventually(t, l.gateway(0).ready, patience, 10*time.Millisecond)
	l.conclude(table, "the disk is full for 3 s"+often(rounds), back)
}

// noticed is how long a gateway may take to see that the file of its database is gone.
const noticed = 5 * time.Second

// The file of the database is deleted. What is written to it from then on is lost, so that nothing may be accepted.
func deletedFile(t *testing.T, table *results) {
	url := storetest.SQLite(t)
	l := newLab(t, url, url, 1)
	l.load.begin()
	l.load.awaitAccepted(20)
	path := strings.TrimPrefix(url, "sqlite:")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
	}
	g, deleted := l.gateway(0), time.Now()
	for g.ready() && time.Since(deleted) < noticed {
		<-time.After(10 * time.Millisecond)
	}
	unready := time.Now()
	<-time.After(time.Second) // of calls
	l.load.end()
	assert.Less(t, unready.Sub(deleted), noticed, "the gateway is ready although the file of its database is gone")
	assert.Zero(t, l.load.countSince(unready), "runs that were accepted although the file of the database is gone")
	assert.Contains(t, g.log.String(), path, "the log names the file")
	t.Logf("unready after %.1f s; accepted until then: %d, after that: %d; refused: %s; other answers: %s", unready.Sub(deleted).Seconds(),
		l.load.countSince(deleted), l.load.countSince(unready), counts(l.load.refused), counts(l.load.wrong))
	assert.Empty(t, l.load.wrong)
	g.kill()
	g = l.start()
	require.Equal(t, "COMPLETED", g.ended(g.accept("quick", "anew"))["status"])
}
