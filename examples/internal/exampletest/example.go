// Package exampletest runs an example as its page says: in a copy of its folder, by the commands of its README,
// with the real gateway and the real receivers. Nothing is changed but the ports, so that examples run side by
// side.
package exampletest

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/freeport"
)

var (
	block   = regexp.MustCompile("(?s)<!-- run: ([a-z0-9-]+) -->\n```sh\n(.*?)```")
	address = regexp.MustCompile(`localhost:(\d+)`)
)

// Example is an example that a test has a copy of.
type Example struct {
	Dir    string            // looks like the repository's folder, with this example alone
	Blocks map[string]string // what the README says to run: `<!-- run: NAME -->` stands in front of a block of sh

	t    testing.TB
	env  []string
	port string // of the gateway
}

// Open copies the folder examples/NAME. In its files each port that stands behind "localhost:" somewhere becomes
// one that is free, and the pairs of changes are replaced; one that is not found fails the test.
func Open(t testing.TB, name string, changes ...string) *Example {
	t.Helper()
	root, err := root()
	require.NoError(t, err)
	bin, err := beckon()
	require.NoError(t, err)
	e := &Example{Dir: t.TempDir(), Blocks: map[string]string{}, t: t}
	from := filepath.Join(root, "examples", name)
	files := readAll(t, from)
	all := strings.Join(slices.Collect(maps.Values(files)), "\n")
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, all, changes[i])
	}
	ports := freePorts(t, all)
	e.port = ports("8080")
	numbers := regexp.MustCompile(`\b\d{4,5}\b`)
	for path, text := range files {
		text = strings.NewReplacer(changes...).Replace(numbers.ReplaceAllStringFunc(text, ports))
		to := filepath.Join(e.Dir, "examples", name, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, []byte(text), 0o700)) // some are scripts
		if filepath.Base(path) == "package.json" {
			modules := filepath.Join(from, filepath.Dir(path), "node_modules")
			require.DirExists(t, modules,
				"what npm installs is not there: run make test, or npm ci --prefix %s", filepath.Dir(modules))
			require.NoError(t, os.Symlink(modules, filepath.Join(filepath.Dir(to), "node_modules")))
		}
		if path == "README.md" {
			for _, m := range block.FindAllStringSubmatch(text, -1) {
				e.Blocks[m[1]] = m[2]
			}
		}
	}
	ours := func(variable string) bool { return strings.HasPrefix(variable, "BECKON_") } // of who runs the tests
	e.env = append(slices.DeleteFunc(os.Environ(), ours),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "BECKON_SERVER_ADDRESS=127.0.0.1:"+e.port)
	return e
}

// URL is where the gateway answers.
func (e *Example) URL() string { return "http://localhost:" + e.port }

// root is the folder of the repository.
var root = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	return strings.TrimSpace(string(out)), err
})

// beckon builds the command, unless it is built already, and returns its folder.
var beckon = sync.OnceValues(func() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, "bin", "examples")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(folder, "beckon"), "./cmd/beckon")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build beckon: %w: %s", err, out)
	}
	return folder, nil
})

// readAll reads the files of a folder, less what npm has installed.
func readAll(t testing.TB, folder string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == "node_modules" || entry.Name() == "__pycache__":
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		files[name] = string(text)
		return err
	}))
	return files
}

// freePorts returns a function from the ports behind "localhost:" in a text to free ones. Other numbers stay.
func freePorts(t testing.TB, text string) func(string) string {
	ports := map[string]string{"8080": ""}
	for _, m := range address.FindAllStringSubmatch(text, -1) {
		ports[m[1]] = ""
	}
	for old := range ports {
		free, err := freeport.Address()
		require.NoError(t, err)
		_, ports[old], err = net.SplitHostPort(free)
		require.NoError(t, err)
	}
	return func(number string) string {
		if free, ok := ports[number]; ok {
			return free
		}
		return number
	}
}
