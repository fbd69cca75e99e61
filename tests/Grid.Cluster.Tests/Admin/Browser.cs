using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Admin;

/// <summary>A headless Chromium, driven through chromedriver by the W3C WebDriver protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly ChildProcess _driver;
    private readonly string _session;

    private Browser(HttpClient http, ChildProcess driver, string session)
    {
        _http = http;
        _driver = driver;
        _session = session;
    }

    public static bool IsInstalled => Find("chromedriver") is not null && Find("chromium") is not null;

    public static async Task<Browser> StartAsync(string folder)
    {
        int port = Ports.Free(1)[0];
        ChildProcess driver = ChildProcess.Start(Find("chromedriver")!, [$"--port={port}", "--allowed-ips=127.0.0.1"], folder);
        HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{port}/"), Timeout = TimeSpan.FromMinutes(1) };
        using CancellationTokenSource limit = new(StartTime);
        while (true)
        {
            try
            {
                using HttpResponseMessage up = await http.GetAsync(new Uri("status", UriKind.Relative), limit.Token);
                break;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(50, limit.Token);
            }
        }

        JsonObject options = new()
        {
            ["binary"] = Find("chromium"),
            ["args"] = new JsonArray("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,1400", $"--user-data-dir={Path.Combine(folder, "profile")}", "--no-first-run"),
        };
        JsonObject capabilities = new() { ["browserName"] = "chrome", ["goog:chromeOptions"] = options, ["goog:loggingPrefs"] = new JsonObject { ["browser"] = "ALL" } };
        JsonElement made = await CallAsync(http, "session", new JsonObject { ["capabilities"] = new JsonObject { ["alwaysMatch"] = capabilities } });
        return new Browser(http, driver, $"session/{made.GetProperty("sessionId").GetString()}/");
    }

    public Task GoAsync(string url) => CallAsync("url", new JsonObject { ["url"] = url });

    /// <summary>What a script returns.</summary>
    public Task<JsonElement> RunAsync(string script) => CallAsync("execute/sync", new JsonObject { ["script"] = script, ["args"] = new JsonArray() });

    /// <summary>Waits until a script returns true.</summary>
    public async Task UntilAsync(string what, string script)
    {
        try
        {
            await Until.AnswersAsync(what, async () => (await RunAsync(script)).ValueKind == JsonValueKind.True);
        }
        catch (Xunit.Sdk.XunitException failure)
        {
            throw new InvalidOperationException($"{failure.Message} The page says:\n{await TextAsync("body")}", failure);
        }
    }

    public async Task<string> TextAsync(string selector) => (await RunAsync($"return document.querySelector({JsonSerializer.Serialize(selector)})?.innerText ?? ''")).GetString()!;

    /// <summary>Clicks on an element as a user does.</summary>
    public async Task ClickAsync(string selector) => await CallAsync($"element/{await FindAsync(selector)}/click", []);

    /// <summary>Types into an element as a user does.</summary>
    public async Task TypeAsync(string selector, string text) => await CallAsync($"element/{await FindAsync(selector)}/value", new JsonObject { ["text"] = text });

    /// <summary>Has the page think that the user prefers dark or light.</summary>
    public Task PreferAsync(string scheme) => CallAsync("goog/cdp/execute", new JsonObject
    {
        ["cmd"] = "Emulation.setEmulatedMedia",
        ["params"] = new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = scheme }) },
    });

    /// <summary>A picture, for people: kept where GRID_SCREENSHOTS names a folder.</summary>
    public async Task PictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("GRID_SCREENSHOTS") is { Length: > 0 } folder)
            await File.WriteAllBytesAsync(Path.Combine(folder, $"{name}.png"), (await CallAsync(_http, $"{_session}screenshot", null)).GetBytesFromBase64());
    }

    /// <summary>What the console was told since the last time, at level SEVERE: script errors, refused content, failed requests.</summary>
    public async Task<IReadOnlyList<string>> ErrorsAsync()
    {
        JsonElement log = await CallAsync("se/log", new JsonObject { ["type"] = "browser" });
        return [.. log.EnumerateArray().Where(static line => line.GetProperty("level").GetString() == "SEVERE").Select(static line => line.GetProperty("message").GetString()!)];
    }

    public async ValueTask DisposeAsync()
    {
        using (HttpResponseMessage ended = await _http.DeleteAsync(new Uri(_session.TrimEnd('/'), UriKind.Relative)))
            Assert.True(ended.IsSuccessStatusCode);
        _http.Dispose();
        await _driver.DisposeAsync();
    }

    private async Task<string> FindAsync(string selector) =>
        (await CallAsync("element", new JsonObject { ["using"] = "css selector", ["value"] = selector })).EnumerateObject().First().Value.GetString()!;

    private Task<JsonElement> CallAsync(string path, JsonObject body) => CallAsync(_http, _session + path, body);

    private static async Task<JsonElement> CallAsync(HttpClient http, string path, JsonObject? body)
    {
        Uri uri = new(path, UriKind.Relative);

        // With a length: chromedriver does not take a body in chunks.
        using StringContent? content = body is null ? null : new(body.ToJsonString(), Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = content is null ? await http.GetAsync(uri, TestContext.Current.CancellationToken) : await http.PostAsync(uri, content, TestContext.Current.CancellationToken);
        JsonElement value = (await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("value");
        return answer.IsSuccessStatusCode ? value : throw new InvalidOperationException($"{path}: {value}");
    }

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
