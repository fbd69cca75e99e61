using System.Globalization;
using System.Text.Json;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Observability;

/// <summary>A real Prometheus of the test's own, that scrapes every second and has the rules of deploy/observability.</summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(20) };

    private readonly ChildProcess _process;
    private readonly string _url;

    private PrometheusServer(ChildProcess process, string url)
    {
        _process = process;
        _url = url;
    }

    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(path => File.Exists(Path.Combine(path, "prometheus")));

    /// <param name="directory">For its data and configuration.</param>
    /// <param name="jobs">Host and port of what it scrapes, by job.</param>
    public static async Task<PrometheusServer> StartAsync(string directory, IReadOnlyDictionary<string, string[]> jobs)
    {
        int port = Ports.Free(1)[0];
        string rules = string.Concat(Directory.GetFiles(Path.Combine(Deployed.Observability, "rules"), "*.yml").Select(file => $"\n  - {file}"));
        string scrapes = string.Concat(jobs.Select(job => $"\n  - job_name: {job.Key}\n    static_configs:\n      - targets: [{string.Join(", ", job.Value)}]"));
        string file = Path.Combine(directory, "prometheus.yml");
        await File.WriteAllTextAsync(file, $"global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\nrule_files:{rules}\nscrape_configs:{scrapes}\n");
        ChildProcess process = ChildProcess.Start(
            "prometheus",
            [$"--config.file={file}", $"--storage.tsdb.path={Path.Combine(directory, "data")}", $"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
            directory);
        PrometheusServer server = new(process, $"http://127.0.0.1:{port}");
        await Until.TrueAsync(server.IsReady, () => $"prometheus is not ready:\n{process.Errors}");
        return server;
    }

    /// <summary>The series of an expression, each with its values by time.</summary>
    public async Task<List<(string Labels, double[] Values)>> RangeAsync(string expression, DateTimeOffset from, DateTimeOffset to)
    {
        JsonElement data = await GetAsync($"/api/v1/query_range?query={Uri.EscapeDataString(expression)}&start={Unix(from)}&end={Unix(to)}&step=1");
        return [.. data.GetProperty("result").EnumerateArray().Select(series =>
            (series.GetProperty("metric").ToString(), series.GetProperty("values").EnumerateArray().Select(value => Number(value[1])).ToArray()))];
    }

    /// <summary>The newest value of an expression that has one series; null when it has none.</summary>
    public async Task<double?> ValueAsync(string expression)
    {
        JsonElement data = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(expression)}");
        JsonElement[] series = [.. data.GetProperty("result").EnumerateArray()];
        return series.Length == 0 ? null : Number(series.Single().GetProperty("value")[1]);
    }

    /// <summary>Waits until an expression has a value that is as wanted.</summary>
    public async Task UntilAsync(string what, string expression, Func<double?, bool> condition)
    {
        long began = System.Diagnostics.Stopwatch.GetTimestamp();
        double? value;
        while (!condition(value = await ValueAsync(expression)))
        {
            if (System.Diagnostics.Stopwatch.GetElapsedTime(began) > Until.Limit)
                Assert.Fail($"After {Until.Limit.TotalSeconds} s it is still not so that {what}: {expression} is {value?.ToString(CultureInfo.InvariantCulture) ?? "nothing"}.");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private bool IsReady()
    {
        try
        {
            using HttpResponseMessage answer = Http.Send(new HttpRequestMessage(HttpMethod.Get, $"{_url}/-/ready"));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonElement> GetAsync(string path)
    {
        using HttpResponseMessage answer = await Http.GetAsync(new Uri(_url + path), TestContext.Current.CancellationToken);
        string body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, $"{Uri.UnescapeDataString(path)}: {body}");
        return JsonDocument.Parse(body).RootElement.GetProperty("data");
    }

    private static double Number(JsonElement text) => text.GetString() switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        { } number => double.Parse(number, CultureInfo.InvariantCulture),
        null => double.NaN,
    };

    private static string Unix(DateTimeOffset time) => (time.ToUnixTimeMilliseconds() / 1000.0).ToString(CultureInfo.InvariantCulture);
}
