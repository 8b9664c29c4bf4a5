package beckon_test

import (
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers has the layers of the packages (docs/architecture.md). A package imports from lower layers only. A package
// that is not listed belongs to its closest parent folder that is.
var layers = map[string]int{
	"cmd": top, "examples": top,
	"gateway": 6,
	"server":  5, "web": 5,
	"calls": 4, "calls/coalesce": 4, "calls/kept": 2, "schedules": 4, "safety": 4, "internal/config": 4,
	"runs": 3, "deliveries": 3, "budgets": 3,
	"clients": 2, "commands": 2, "agents": 2, "artifacts": 2, "share": 2, "events": 2, "tools": 2, "sessions": 2,
	"internal/catalog": 1, "internal/work": 1, "internal/store": 1, "internal/sealed": 1, "internal/gate": 1, "internal/magec": 1, "calls/senders": 1, "calls/senders/all": 1, "calls/forms": 1, "tools/names": 1,
	"deliveries/destinations": 1, "deliveries/destinations/all": 1,
	"docs": 0, "internal/problem": 0, "internal/secret": 0, "internal/signature": 0, "internal/egress": 0, "internal/telemetry": 0,
	"internal/units": 0, "internal/memory": 0, "internal/render": 0, "internal/freeport": 0, "internal/expression": 0, "internal/cron": 0,
	"internal/jsonstream": 0, "internal/basepath": 0, "internal/findings": 0, "internal/backup": 0, "internal/doctor": 0, "internal/markdown": 0, "internal/repository": 0, "internal/mail": 0, "internal/redact": 0, "internal/gcs": 0, "internal/azblob": 0, "internal/fence": 0, "internal/spend": 0, "internal/skills": 0, "internal/csp": 0,
}

const top = 7

// sideways has the imports within a layer that are allowed. All packages may import those of words.
var (
	sideways = map[string]string{
		"calls": "calls/coalesce", "artifacts": "agents", "share": "agents", "tools": "agents", "tools/names": "internal/catalog", "clients": "commands", "internal/catalog": "internal/store", "internal/work": "internal/store", "budgets": "runs", "calls/senders/all": "calls/senders",
		"calls/forms":                 "internal/store",
		"internal/sealed":             "internal/store",
		"deliveries/destinations/all": "deliveries/destinations",
	}
	words = []string{"internal/problem", "internal/secret", "internal/units"}
)

func TestImportsPointDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	require.NoError(t, err)
	arrows := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from, ok := strings.CutPrefix(fields[0], "beckon/")
		if !ok {
			continue // this package
		}
		for _, imported := range fields[1:] {
			if to, ok := strings.CutPrefix(imported, "beckon/"); ok {
				arrows++
				require.True(t, allowed(t, from, to), "%s must not import %s", from, to)
			}
		}
	}
	require.NotZero(t, arrows)
}

func allowed(t *testing.T, from, to string) bool {
	fromListed, toListed := listed(t, from), listed(t, to)
	switch {
	case fromListed == toListed:
		// agents/chat imports agents and its own subpackages; neither agents nor agents/flow imports agents/chat.
		return to == toListed || layers[toListed] == top || from != fromListed && strings.HasPrefix(to, from+"/")
	case slices.Contains(words, toListed):
		return !slices.Contains(words, fromListed)
	case layers[fromListed] == layers[toListed]:
		return sideways[fromListed] == toListed
	}
	return layers[fromListed] > layers[toListed]
}

// listed returns the package or parent folder of it that has a layer.
func listed(t *testing.T, pkg string) string {
	for p := pkg; ; {
		if _, ok := layers[p]; ok {
			return p
		}
		i := strings.LastIndex(p, "/")
		require.Positive(t, i, "%s has no layer: add it to layers, and to docs/architecture.md", pkg)
		p = p[:i]
	}
}

// Everybody else gives statements to a store.Tx.
func TestOnlyTheStoreImportsGorm(t *testing.T) {
	const imports = `{{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} "+imports, "./...").Output()
	require.NoError(t, err)
	found := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, imported := range fields[1:] {
			if strings.HasPrefix(imported, "gorm.io/") {
				found++
				require.Equal(t, "beckon/internal/store", fields[0], "only the store may import %s", imported)
			}
		}
	}
	require.NotZero(t, found)
}

// SQL stands in files named storage.go or storage_*.go, and in the store itself.
func TestSQLStandsInStorageFiles(t *testing.T) {
	statement := regexp.MustCompile("[\"`](SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH RECURSIVE) ")
	found := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir() && (d.Name() == "bench" || path == filepath.Join("internal", "store")):
			return cmp.Or(err, filepath.SkipDir)
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if statement.Match(text) {
			found++
			require.True(t, strings.HasPrefix(d.Name(), "storage"), "%s has SQL", path)
		}
		return err
	}))
	require.NotZero(t, found)
}
