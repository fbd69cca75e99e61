using System.CommandLine;
using System.Globalization;
using Grid.Server.Terminals;

namespace Grid.Server.Bench;

/// <summary><c>grid bench streams</c>: the grid's stream provider beside Orleans' memory streams.</summary>
internal static class StreamsBenchVerb
{
    public static Command Create()
    {
        Option<double> seconds = new("--seconds", "-t") { Description = "How long each measurement sends.", DefaultValueFactory = _ => new StreamsBenchOptions().Duration.TotalSeconds };
        Option<int[]> size = new("--size") { Description = "Item size for throughput, in bytes, at least 16; may be given more than once. Default: 65536, 262144, 1048576.", HelpName = "BYTES" };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Command streams = new("streams", "Measures the stream provider between two silo processes on this machine, beside Orleans' memory streams.") { seconds, size, json };
        seconds.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(seconds) is not (>= 0.1 and <= 3600))
                result.AddError("--seconds is 0.1 to 3600.");
        });
        size.Validators.Add(result =>
        {
            if (result.GetValue(size)?.Any(bytes => bytes < 16) == true)
                result.AddError("--size is at least 16.");
        });
        streams.SetAction(async (parsed, cancellation) =>
        {
            StreamsBenchOptions options = new() { Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)) };
            if (parsed.GetValue(size) is { Length: > 0 } sizes)
                options = options with { Sizes = sizes };
            StreamsBenchReport report = await StreamsBench.RunAsync(options, Console.Error, cancellation);
            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(report);
            }
            else
            {
                Show(report.Grid);
                Show(report.Memory);
            }

            return ExitCode.Done;
        });
        return streams;
    }

    private static void Show(StreamsBenchProvider provider)
    {
        foreach (StreamsBenchThroughput item in provider.Throughputs)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{provider.Provider,-7} {item.ItemBytes,9:N0} B items {item.ItemsPerSecond,12:N0}/s {item.MegabytesPerSecond,9:N1} MB/s, {item.Sent - item.Received} of {item.Sent} lost"));
        foreach (StreamsBenchLatency latency in provider.Latencies)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{provider.Provider,-7} latency at {latency.ItemsPerSecond,7:N0} items/s: p50 {latency.P50Ms:0.00} ms, p99 {latency.P99Ms:0.00} ms"));
    }
}
