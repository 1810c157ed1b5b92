package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

type systemJSON struct {
	Services   []string            `json:"services"`
	State      string              `json:"state"` // running, or stuck if some parts do not answer
	Stuck      []string            `json:"stuck"`
	PID        int                 `json:"pid"`
	Started    string              `json:"started"`
	Memory     uint64              `json:"memory"` // bytes
	Supervised bool                `json:"supervised"`
	Ports      []servicePortJSON   `json:"ports"`
	Versions   map[string]string   `json:"versions"`
	Log        []serviceRecordJSON `json:"log"`
}

type servicePortJSON struct {
	Part     agent.ServicePart `json:"part"`
	Address  string            `json:"address"`
	Protocol string            `json:"protocol"`
	Answers  bool              `json:"answers"`
}

type serviceRecordJSON struct {
	Time  string `json:"time"`
	Level string `json:"level"`
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// restSystem answers what the page Система has about the services.
func (s *Site) restSystem(c echo.Context) error {
	f := s.Service(c.Request().Context())
	v := f.Versions
	out := systemJSON{Services: agent.ServiceNames, State: "running", Stuck: notNull(f.Stuck), PID: f.PID, Started: rfc3339(f.Started), Memory: f.Memory,
		Supervised: f.Supervised, Ports: []servicePortJSON{}, Log: []serviceRecordJSON{},
		Versions: map[string]string{"program": v.Program, "installer": v.Installer, "schema": v.Schema, "nftables": v.NFTables, "kernel": v.Kernel, "go": v.Go}}
	if len(f.Stuck) > 0 {
		out.State = "stuck"
	}
	for _, p := range f.Ports {
		protocol := "tcp"
		if p.UDP {
			protocol = "udp"
		}
		out.Ports = append(out.Ports, servicePortJSON{p.Part, p.Address, protocol, p.Answers})
	}
	for _, r := range f.Records {
		level := "warn"
		if r.Error {
			level = "error"
		}
		out.Log = append(out.Log, serviceRecordJSON{rfc3339(r.At), level, r.Text, r.Count})
	}
	return c.JSON(http.StatusOK, out)
}
