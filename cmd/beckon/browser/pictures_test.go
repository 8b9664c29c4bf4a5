package browser_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the pictures anew")

const ofPictures = `
admin: {password: "correct horse"}
egress: {allowPrivate: [127.0.0.1/32]}
providers: [{id: off, name: Offline, type: template, template: "**It is fixed.** The disk of db1 was full."}]
agents: [{id: calm, name: On call, provider: off, systemPrompt: Explain the alert.}, {id: writer, name: Release notes, provider: off}]
flows: [{id: incident, name: Incident, root: {type: sequential, steps: [{type: agent, agentId: calm}, {type: agent, agentId: writer, responseAgent: true}]}}]
clients:
  - {id: ci, name: CI, token: mgc_ci_00000000000000000000000000000, passthrough: true, allowedAgents: [calm, incident]}
  - {id: alerts, name: Alertmanager, token: mgc_alerts_0000000000000000000000000, source: alertmanager, allowedAgents: [calm]}
endpoints: [{id: ops, name: Ops, url: "http://127.0.0.1:1025/hook", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [run.completed, run.failed], enabled: false}]
`

// pictured are the twelve pages of which there are pictures, by their names; RUN stands for the id of a run.
var pictured = map[string]string{
	"overview": "/admin", "runs": "/admin/runs", "run": "/admin/runs/RUN", "refused": "/admin/refused", "clients": "/admin/clients", "client": "/admin/clients/ci",
	"client-settings": "/admin/clients/ci?tab=settings", "agent-try": "/admin/agents/calm?tab=try", "flow": "/admin/flows/incident", "endpoint": "/admin/endpoints/ops?tab=settings",
	"provider-new": "/admin/providers/new", "settings": "/admin/settings",
}

// Twelve pages look as they did when somebody looked at them last, in both schemes, on a desktop and on a phone. They are compared as
// grids of grey cells, so that another version of a font makes no difference, and a part that is missing or elsewhere does.
// BECKON_SCREENSHOTS names a folder for the pictures themselves; -update writes the grids anew.
func TestTwelvePagesLookTheSame(t *testing.T) {
	g := start(t, ofPictures)
	const token = "mgc_ci_00000000000000000000000000000"
	for range 3 {
		status, _ := g.send(http.MethodPost, "/api/v1/webhooks/ci", token, "The disk of db1 is full.")
		require.Equal(t, http.StatusOK, status)
	}
	status, run := g.send(http.MethodPost, "/api/v1/webhooks/ci?agent=incident", token, map[string]string{"prompt": "The disk of db1 is full."}, "Accept", "application/json")
	require.Equal(t, http.StatusOK, status, run)
	status, _ = g.send(http.MethodPost, "/api/v1/webhooks/ci", "mgc_wrong", "x")
	require.Equal(t, http.StatusUnauthorized, status)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.visit("/admin/refused")
	b.reloadUntil("Wrong token")
	for name, path := range pictured {
		path = strings.Replace(path, "RUN", fmt.Sprint(run["runId"]), 1)
		for _, dark := range []bool{false, true} {
			for _, width := range []int64{1280, 390} {
				t.Run(fmt.Sprintf("%s at %d, dark %v", name, width, dark), func(t *testing.T) {
					b.t = t
					b.dark(dark)
					b.do(chromedp.EmulateViewport(width, 900))
					b.visit(path)
					b.settled()
					picture := get(b, chromedp.CaptureScreenshot())
					file := fmt.Sprintf("%s-%d-%s.png", name, width, map[bool]string{false: "light", true: "dark"}[dark])
					if folder := os.Getenv("BECKON_SCREENSHOTS"); folder != "" {
						require.NoError(t, os.WriteFile(filepath.Join(folder, file), picture, 0o644))
					}
					compare(t, filepath.Join("testdata", "pictures", file), picture)
				})
			}
		}
	}
}

// Bounds of what fonts and times change: the mean over all cells, in 255 steps of grey, and the share of cells that differ much. The
// same page differs by 0.2 from itself, and by 1.8 from the one that is most like it.
const (
	maxMean    = 1.5
	muchGrey   = 24
	maxStrange = 0.03
)

// compare compares a picture with the grid that is kept of it.
func compare(t *testing.T, path string, picture []byte) {
	t.Helper()
	now := gridOf(t, picture)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		var file bytes.Buffer
		require.NoError(t, png.Encode(&file, now))
		require.NoError(t, os.WriteFile(path, file.Bytes(), 0o644))
		return
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err, "there is no picture yet: look at it, and run the test with -update")
	decoded, err := png.Decode(bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, decoded.Bounds(), now.Bounds())
	total, strange := 0.0, 0
	for y := range now.Rect.Dy() {
		for x := range now.Rect.Dx() {
			d := math.Abs(float64(color.GrayModel.Convert(decoded.At(x, y)).(color.Gray).Y) - float64(now.GrayAt(x, y).Y))
			if total += d; d > muchGrey {
				strange++
			}
		}
	}
	cells := float64(now.Rect.Dx() * now.Rect.Dy())
	t.Logf("mean %.2f, strange %.3f", total/cells, float64(strange)/cells)
	require.Less(t, total/cells, maxMean, "it looks different: look at it, and run the test with -update if it is meant")
	require.Less(t, float64(strange)/cells, maxStrange, "a part of it looks different: look at it, and run the test with -update if it is meant")
}

// cell is how many pixels of a picture are a cell of its grid, to the right and down.
const cell = 32

// gridOf is a picture in cells, each as grey as its pixels are on average.
func gridOf(t *testing.T, picture []byte) *image.Gray {
	decoded, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	size := decoded.Bounds().Size()
	grid := image.NewGray(image.Rect(0, 0, size.X/cell, size.Y/cell))
	for gy := range grid.Rect.Dy() {
		for gx := range grid.Rect.Dx() {
			sum := 0
			for y := range cell {
				for x := range cell {
					sum += int(color.GrayModel.Convert(decoded.At(gx*cell+x, gy*cell+y)).(color.Gray).Y)
				}
			}
			grid.SetGray(gx, gy, color.Gray{Y: uint8(sum / (cell * cell))})
		}
	}
	return grid
}
