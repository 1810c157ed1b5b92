package installer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPreset makes presets for different gateways from a template as large as the real one.
func BenchmarkPreset(b *testing.B) {
	template := openTemplate(b, buildLarge)
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime(b)
	for i := range b.N {
		makeMSI(b, template, "gw"+strconv.Itoa(i)+".example.com", testPin)
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
}

// BenchmarkMsibuildCopy does the same with a copy of the file and msibuild, and reports the ratio of processor times.
func BenchmarkMsibuildCopy(b *testing.B) {
	_, data := templateFile(b, buildLarge)
	out := filepath.Join(b.TempDir(), "IdecoAgent.msi")
	b.ResetTimer()
	start := cpuTime(b)
	for i := range b.N {
		if err := os.WriteFile(out, data, 0o644); err != nil {
			b.Fatal(err)
		}
		query := "UPDATE Property SET Value='gw" + strconv.Itoa(i) + ".example.com' WHERE Property='UTM_ADDRESS'"
		if output, err := exec.Command("msibuild", out, "-q", query).CombinedOutput(); err != nil {
			b.Fatalf("msibuild: %v\n%s", err, output)
		}
	}
	each := float64(cpuTime(b)-start) / float64(b.N)
	b.ReportMetric(each, "cpu-ns/op")
	b.StopTimer()
	b.ReportMetric(each/presetCPU(b), "times-preset")
}

// presetCPU measures the processor time of one preset in nanoseconds.
func presetCPU(b *testing.B) float64 {
	const runs = 2000
	template := openTemplate(b, buildLarge)
	start := cpuTime(b)
	for i := range runs {
		makeMSI(b, template, "gw"+strconv.Itoa(i)+".example.com", testPin)
	}
	return float64(cpuTime(b)-start) / runs
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return sum
}
