package web

import "time"

// chip is a filter that is set, and the address of the list without it.
type chip struct{ Name, Value, Without string }

// chips are the filters that are set.
func (f runFilter) chips() (list []chip) {
	add := func(name, value string, forget func(*runFilter)) {
		if value != "" {
			rest := f
			forget(&rest)
			list = append(list, chip{name, value, rest.address("")})
		}
	}
	add("Client", f.Client, func(f *runFilter) { f.Client = "" })
	add("Agent or flow", f.Agent, func(f *runFilter) { f.Agent = "" })
	add("Status", word(f.Status), func(f *runFilter) { f.Status = "" })
	add("Source", f.Source, func(f *runFilter) { f.Source = "" })
	add("Search", f.Search, func(f *runFilter) { f.Search = "" })
	add("Time", between(f.Since, f.Until), func(f *runFilter) { f.Since, f.Until = "", "" })
	return list
}

// Chips are the filters that are set.
func (l runList) Chips() []chip { return l.Filter.chips() }

// Chips are the filters that are set.
func (l deliveryList) Chips() (list []chip) {
	add := func(name, value string, forget func(*deliveryFilter)) {
		if value != "" {
			rest := l.Filter
			forget(&rest)
			list = append(list, chip{name, value, rest.address("")})
		}
	}
	add("Endpoint", l.Filter.Endpoint, func(f *deliveryFilter) { f.Endpoint = "" })
	add("Client", l.Filter.Client, func(f *deliveryFilter) { f.Client = "" })
	add("Run", l.Filter.Run, func(f *deliveryFilter) { f.Run = "" })
	add("Event", l.Filter.Event, func(f *deliveryFilter) { f.Event = "" })
	add("Type", l.Filter.Type, func(f *deliveryFilter) { f.Type = "" })
	add("Status", word(l.Filter.Status), func(f *deliveryFilter) { f.Status = "" })
	add("Time", between(l.Filter.Since, l.Filter.Until), func(f *deliveryFilter) { f.Since, f.Until = "", "" })
	return list
}

// WithoutClient is the list of the calls of all clients.
func (l refusedList) WithoutClient() string { return filtered(refusedPath, "code", l.Code) }

// WithoutCode is the list of the calls with any code.
func (l refusedList) WithoutCode() string { return filtered(refusedPath, "client", l.Client) }

// between says from when until when a list is.
func between(since, until string) string {
	switch {
	case since == "" && until == "":
		return ""
	case since == "":
		return "until " + shortTime(until)
	case until == "":
		return "since " + shortTime(since)
	}
	return shortTime(since) + " to " + shortTime(until)
}

// shortTime writes a time of an address for people; what is none stays as it is.
func shortTime(text string) string {
	at := timeInAddress(text)
	if at.IsZero() {
		return text
	}
	return at.UTC().Format("2 Jan 15:04") + " UTC"
}

// timeInAddress reads a time of an address; the zero time for what is none.
func timeInAddress(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, _ = time.Parse(inputTime, text) // zero where it is neither
	}
	return at.UTC()
}
