using System.Globalization;
using System.Reflection;
using System.Runtime;
using System.Runtime.InteropServices;
using Grid.Client.Contracts.Operator;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Examination;

/// <summary>Says of this silo what may go wrong with it: its process, its machine, its settings.</summary>
internal sealed class SiloExaminer(CopyHost host, GridSettings settings, IOptions<GridGraceOptions> grace)
{
    /// <summary>The build of this silo.</summary>
    public static string Version { get; } = typeof(SiloExaminer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    public SiloExamination Examine()
    {
        long data = 0, log = 0;
        int copies = 0;
        foreach (HostedCopy hosted in host.All)
        {
            (long dataBytes, long logBytes) = hosted.Use(static copy => (copy.Store.MemoryBytes, copy.Log.Bytes));
            data += dataBytes;
            log += logBytes;
            copies++;
        }

        return new SiloExamination
        {
            Silo = host.Silo,
            Version = Version,
            Runtime = RuntimeInformation.FrameworkDescription,
            NowUnixMs = SiloClock.Now.UnixMs,
            MemoryLimitBytes = ProcessFacts.MemoryLimitBytes(),
            HeapLimitBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            ResidentBytes = Environment.WorkingSet,
            ServerGc = GCSettings.IsServerGC,
            DataBytes = data,
            LogBytes = log,
            Copies = copies,
            DescriptorsOpen = ProcessFacts.DescriptorsOpen(),
            DescriptorsMax = ProcessFacts.DescriptorsMax(),
            StopGraceSeconds = grace.Value.StopGraceSeconds,
            Settings = Texts(settings.Current),
        };
    }

    /// <summary>All settings as text.</summary>
    public static Dictionary<string, string> Texts(GridOptions options) =>
        typeof(GridOptions).GetProperties().ToDictionary(property => property.Name, property => Convert.ToString(property.GetValue(options), CultureInfo.InvariantCulture) ?? "");
}
