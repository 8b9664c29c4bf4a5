package web

import (
	"github.com/labstack/echo/v4"

	"beckon/internal/doctor"
)

const doctorPath = "/admin/doctor"

// doctorScreen is what the page Doctor shows.
type doctorScreen struct {
	Examined bool // there are findings
	Network  bool // providers and endpoints were asked, too
	Busy     bool // somebody else has the checks run
	Findings []doctor.Finding
}

// Summary says how well all is in one line.
func (s doctorScreen) Summary() string {
	count := map[doctor.Status]int{}
	for _, f := range s.Findings {
		count[f.Status]++
	}
	switch bad, warnings := count[doctor.Bad], count[doctor.Warning]; {
	case bad > 0 && warnings > 0:
		return counted(bad, "problem") + ", " + counted(warnings, "warning")
	case bad > 0:
		return counted(bad, "problem")
	case warnings > 0:
		return counted(warnings, "warning")
	}
	return "Everything that was checked works"
}

// Class is the state that colors the summary.
func (s doctorScreen) Class() string { return stateClass(doctor.Worst(s.Findings)) }

// StateOf is the state that colors a finding.
func (doctorScreen) StateOf(s doctor.Status) string { return stateClass(s) }

func stateClass(s doctor.Status) string {
	if s == doctor.Warning {
		return "warn"
	}
	return string(s)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(int64(n)) + " " + what + "s"
}

func (w *Web) doctorPage() page {
	return page{path: doctorPath, template: "doctor", title: "Doctor", data: w.showDoctor}
}

// showDoctor runs the checks when it is asked to: opening the page runs none. They run once at a time, because a check can
// take seconds and connect to other hosts.
func (w *Web) showDoctor(c echo.Context) (any, error) {
	checks := c.QueryParam("checks")
	if checks != "local" && checks != "all" || w.Backend.Examine == nil {
		return doctorScreen{}, nil
	}
	if !w.examining.TryLock() {
		return doctorScreen{Busy: true}, nil
	}
	defer w.examining.Unlock()
	network := checks == "all"
	return doctorScreen{Examined: true, Network: network, Findings: w.Backend.Examine(c.Request().Context(), network)}, nil
}
