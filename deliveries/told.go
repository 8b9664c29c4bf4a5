package deliveries

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"beckon/deliveries/destinations"
	"beckon/internal/gate"
	"beckon/internal/problem"
)

// told is what a destination is given of an event, with so many buttons at most. What has another shape than an event's says nothing.
func (s *Service) told(m message, maxButtons int) (told destinations.Message, err error) {
	if !gjson.ValidBytes(m.Payload) {
		_, err := m.payload()
		return told, err
	}
	told = destinations.Message{ID: m.ID, Type: m.Type, RunID: m.RunID, IsSample: m.IsSample, Series: m.Series, Since: m.Since, Data: m.dataFor}
	told.Document = func() ([]byte, error) {
		p, err := m.payload()
		if err != nil {
			return nil, err
		}
		return encode(p)
	}
	gjson.ParseBytes(m.Payload).ForEach(func(name, value gjson.Result) bool {
		switch name.Str {
		case "type":
			told.Kind = value.Str
		case "workflowId":
			told.Agent = value.Str
		case "error":
			told.Error = errorText(value)
		case "data":
			value.ForEach(func(name, value gjson.Result) bool {
				tellOf(&told, name.Str, value, maxButtons)
				return true
			})
		}
		return true
	})
	if s.NoLinks {
		for i := range told.Files {
			told.Files[i].URL = ""
		}
		return told, nil
	}
	if m.RunID != "" && m.Source != "" {
		told.Link = strings.TrimSuffix(m.Source, "/") + "/admin/runs/" + url.PathEscape(m.RunID)
	}
	return told, nil
}

// linkToPage has a message link to the page of its run for recipients, where there is one: people in a chat have no login.
func (s *Service) linkToPage(m message, told *destinations.Message) error {
	if m.IsSample || m.RunID == "" || s.ShareLink == nil || s.NoLinks {
		return nil
	}
	link, err := s.ShareLink(s.sending, m.RunID)
	if err != nil {
		return problem.New(problem.Unavailable, "run_unread", "Beckon could not read whether the run has a page for recipients. It tries again.").Because(err)
	}
	told.Link = cmp.Or(link, told.Link)
	return nil
}

// tellOf writes a member of an event's data into what is told.
func tellOf(told *destinations.Message, name string, value gjson.Result, maxButtons int) {
	switch name {
	case "output":
		if told.Output == "" { // else there are approvals
			told.Output = value.Str
		}
	case "message":
		told.Note = cmp.Or(value.Str, told.Note)
	case "reason":
		told.Note = cmp.Or(told.Note, value.Str)
	case "key":
		told.Key = value.Str
	case "title":
		told.Title = value.Str
	case "verdict":
		told.GateFailed = value.Str == gate.Fail
	case "verdictReason":
		told.Reason = value.Str
	case "approvals":
		var list []approval
		if _ = jsonv2.Unmarshal([]byte(value.Raw), &list, asItIs); len(list) > 0 {
			told.Output, told.Buttons = askFor(list, maxButtons)
		}
	case "artifacts":
		var list []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		}
		_ = json.Unmarshal([]byte(value.Raw), &list)
		for _, file := range list {
			told.Files = append(told.Files, destinations.File{Name: file.Name, URL: file.URL})
		}
	}
}

// errorText is the message of an error, which once was an object.
func errorText(value gjson.Result) string {
	if value.IsObject() {
		return value.Get("message").Str
	}
	return value.Str
}
