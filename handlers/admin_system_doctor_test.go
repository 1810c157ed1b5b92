package handlers

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// fakeDoctor finds always the same.
type fakeDoctor struct {
	finds []agent.Check
	last  agent.CheckReport
}

func (d *fakeDoctor) Check(context.Context) (agent.CheckReport, error) {
	d.last = agent.CheckReport{At: time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC), Took: 1200 * time.Millisecond, Checks: d.finds}
	return d.last, nil
}

func (d *fakeDoctor) Last() agent.CheckReport { return d.last }

func (d *fakeDoctor) Bundle(_ context.Context, w io.Writer, l *locale.Localizer) error {
	_, err := io.WriteString(w, "file for support in "+l.Lang())
	return err
}

// everyCheck has each code once, and a failed step of a directory.
func everyCheck() (list []agent.Check) {
	for _, code := range agent.CheckCodes() {
		c := agent.NewCheck(code, map[string]string{"Until": "2027-01-02T03:04:05Z", "Free": "1073741824", "Name": "company.local"})
		switch code {
		case agent.CheckTimeout:
			c.Group = agent.ChecksKernel
		case agent.CheckDirectoryFailed, agent.CheckDirectoryWarning:
			c.Step = &agent.StepResult{Step: agent.StepConnect, State: c.State, Finding: agent.FindingNoAnswer, Args: map[string]string{"Host": "dc1.company.local"}}
		}
		list = append(list, c)
	}
	list = append(list, agent.CheckOfCondition(agent.Condition{Code: agent.ConditionForwarding, Severity: agent.SeverityBad}))
	return list
}

// TestDoctorPage: nothing runs before somebody asks. Groups in which all is well are closed, and each other result has a cure whose
// links lead somewhere.
func TestDoctorPage(t *testing.T) {
	for _, lang := range locale.Languages {
		a := newAdministration(t)
		a.boss = append(a.boss, &http.Cookie{Name: languageCookie, Value: lang})
		doctor := &fakeDoctor{finds: everyCheck()}
		a.site.Doctor = doctor
		path := string(templates.SystemDoctor)
		if n := a.conditions(path).Find("#checks, [data-check]").Length(); n != 0 {
			t.Errorf("%d results before the first run", n)
		}
		if w := a.post(path, nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != path+"#checks" {
			t.Fatalf("%d, %q", w.Code, w.Header().Get("Location"))
		}
		page := a.conditions(path)
		for _, c := range doctor.finds {
			row := page.Find(`[data-check="` + c.Name() + `"]`)
			text := row.Text()
			if row.Length() != 1 || strings.Contains(text, "no value") || strings.Contains(text, "check_") || strings.Contains(text, "{{") {
				t.Errorf("%s: %d rows, %q", c.Name(), row.Length(), text)
			}
			if cured := row.Find("a").Length() > 0; cured != (c.State != agent.StepOK) {
				t.Errorf("%s: state %s, links %v", c.Name(), c.State, cured)
			}
			if c.State != agent.StepOK && c.Condition == nil && row.Find("p").Length() != 2 {
				t.Errorf("%s: no cure", c.Name())
			}
		}
		a.followCures(page.Find("#checks"))
		page.Find("[data-group]").Each(func(_ int, group *goquery.Selection) {
			_, open := group.Attr("open")
			if bad := group.Find(".bad, .warn, .muted").Length() > 0; open != bad {
				t.Errorf("%s: open %v, something is wrong %v", group.AttrOr("data-group", ""), open, bad)
			}
		})
	}
}

// TestDoctorAllWell: with nothing wrong the page says so, and all groups are closed.
func TestDoctorAllWell(t *testing.T) {
	a := newAdministration(t)
	a.site.Doctor = &fakeDoctor{finds: []agent.Check{agent.NewCheck(agent.CheckFiles, nil), agent.NewCheck(agent.CheckIPv6, nil)}}
	a.post(string(templates.SystemDoctor), nil)
	page := a.conditions(string(templates.SystemDoctor))
	if text := page.Find("#checks .health-head").Text(); !strings.Contains(text, "Всё в порядке") || page.Find("[data-group][open]").Length() != 0 {
		t.Errorf("%q", text)
	}
}

// TestRESTChecks: REST has the same codes and texts as the page.
func TestRESTChecks(t *testing.T) {
	a := newAdministration(t)
	a.site.Doctor = &fakeDoctor{finds: everyCheck()}
	w := ask(a.h, "GET", "/system/checks", rest, inLAN, a.boss)
	var got struct {
		At                            string
		Failed, Warnings, Not_checked int
		Checks                        []struct {
			Group, Code, State, Text, Cure string
			Args                           map[string]string
			Pages                          []struct{ Label, Path string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatal(w.Code, err)
	}
	want := agent.CheckReport{Checks: everyCheck()}
	if got.At != "2026-11-23T14:05:00Z" || got.Failed != want.Count(agent.StepFailed) || got.Warnings != want.Count(agent.StepWarning) ||
		got.Not_checked != want.Count(agent.StepSkipped) || len(got.Checks) != len(want.Checks) {
		t.Fatalf("%+v", got)
	}
	for i, c := range want.Checks {
		one := got.Checks[i]
		if one.Code != c.Name() || one.Group != string(c.Group) || one.State != string(c.State) || one.Text == "" || one.Args == nil ||
			(c.State == agent.StepOK) != (one.Cure == "" && len(one.Pages) == 0) {
			t.Errorf("%+v", one)
		}
	}
}

// TestSupportFile: the file is downloaded in the administrator's language, and that is recorded.
func TestSupportFile(t *testing.T) {
	a := newAdministration(t)
	w := a.post(templates.BundlePath, nil)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/zip" || !strings.Contains(w.Header().Get("Content-Disposition"), ".zip") ||
		w.Body.String() != "file for support in ru" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	acts, err := a.site.Acts.Acts(t.Context(), agent.ActQuery{Limit: 1})
	if err != nil || len(acts.Acts) != 1 || acts.Acts[0].Code != agent.ActSupportFile || acts.Acts[0].Login != "boss" {
		t.Errorf("%+v, %v", acts, err)
	}
}
