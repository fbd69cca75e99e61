using System.CommandLine;
using System.Globalization;
using Grid.Server.Terminals;

namespace Grid.Server.Bench;

/// <summary><c>grid bench local</c>: reads that a copy on the caller's own silo answers.</summary>
internal static class LocalBenchVerb
{
    public static Command Create()
    {
        LocalBenchOptions defaults = new();
        Option<int> keys = new("--keys") { Description = "Number of keys.", DefaultValueFactory = _ => defaults.Keys };
        Option<int> size = new("--size") { Description = "Bytes of a value.", DefaultValueFactory = _ => defaults.ValueBytes };
        Option<int> threads = new("--threads") { Description = "Threads that read.", DefaultValueFactory = _ => defaults.Threads };
        Option<double> seconds = new("--seconds", "-t") { Description = "How long each kind of read is measured.", DefaultValueFactory = _ => defaults.Duration.TotalSeconds };
        Option<int> port = new("--port") { Description = "The first of the two silos' ports on the loopback interface.", DefaultValueFactory = _ => defaults.Port };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Command local = new("local", "Measures local reads from within a silo: two silos in this process.") { keys, size, threads, seconds, port, json };
        InRange(keys, 1000, 100_000_000);
        InRange(size, 0, 1 << 20);
        InRange(threads, 1, 256);
        InRange(port, 1, 65_534);
        InRange(seconds, 0.1, 3600);
        local.SetAction(async (parsed, cancellation) =>
        {
            IReadOnlyList<LocalBenchResult> results = await LocalBench.RunAsync(
                new LocalBenchOptions
                {
                    Keys = parsed.GetValue(keys),
                    ValueBytes = parsed.GetValue(size),
                    Threads = parsed.GetValue(threads),
                    Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                    Port = parsed.GetValue(port),
                },
                cancellation);
            if (parsed.GetValue(json))
            {
                Terminal.WriteJson(results);
                return ExitCode.Done;
            }

            foreach (LocalBenchResult result in results)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Kind,-18} {result.ReadsPerSecond,14:N0} reads/s {result.AllocatedBytesPerRead,8:N0} B/read, {result.LocalShare:P2} local"));
            return ExitCode.Done;
        });
        return local;
    }

    private static void InRange<T>(Option<T> option, T least, T most)
        where T : IComparable<T> =>
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(option) is { } value && (value.CompareTo(least) < 0 || value.CompareTo(most) > 0))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} is {least} to {most}."));
        });
}
