using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Grid.Server.Clusters;
using Xunit;

namespace Grid.Cluster.Tests.Admin;

/// <summary>The admin page in a real browser, served by real silos.</summary>
[Collection(Processes.Name)]
public sealed class AdminPageTests
{
    private const string Token = "correct-horse-battery";
    private const int Shards = 12;
    private const string NothingMoves = "--Grid:Rebalance=false";

    /// <summary>So slow that a sync of one shard's four megabytes takes some of the page's updates.</summary>
    private const int SyncBytesPerSecond = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task The_page_shows_a_cluster_its_syncs_and_a_dead_silo_in_light_and_dark()
    {
        Assert.True(Browser.IsInstalled, "This test needs Chromium: apt-get install chromium chromium-driver");
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await StartAsync(home, $"--Grid:SyncBytesPerSecondMax={SyncBytesPerSecond}", "--Grid:Compression=None", "--Grid:SnapshotChunkBytes=131072");
        (await cluster.RunAsync("bench", "--mix", "set=100", "--keys", "100000", "--size", "200-800", "--outstanding", "4", "--warm-up", "0", "--seconds", "2", "--json")).Expect(0);
        await using Browser browser = await Browser.StartAsync(home.Sub("browser"));
        await browser.GoAsync(Page(cluster, 0));
        await browser.UntilAsync("all is drawn", $"return document.querySelectorAll('.silo').length === 3 && document.querySelectorAll('.silo .shard').length === {2 * Shards}");
        await browser.UntilAsync("operations have a curve", "return (document.querySelector('.chart path.line')?.getAttribute('d') ?? '').length > 20");
        Assert.Contains("All shards served", await browser.TextAsync("#health"));
        Assert.Contains("bench", await browser.TextAsync("#keyspaces"));
        Assert.Equal(2, (await browser.RunAsync("return document.querySelectorAll('.zone:not(.plain)').length")).GetInt32());
        Assert.Equal("rgb(246, 247, 249)", await BackgroundAsync(browser, "light"));
        await browser.PictureAsync("cluster-light");
        Assert.Equal("rgb(15, 20, 26)", await BackgroundAsync(browser, "dark"));
        await browser.PictureAsync("cluster-dark");

        // Two samples of a silo within a second, and none in the next, are no peak and no gap.
        Assert.Equal("3,3,3", (await browser.RunAsync("""
            return import('/assets/charts.js').then(charts => {
              const silo = (...times) => ({ samples: times.map(ms => ({ ms, one: ms === 1010 ? 9 : 1 })) });
              const sums = charts.sum(new Map([['a', silo(0, 1010, 1990, 3000, 4000)], ['b', { samples: [0, 1000, 2000, 3000, 4000].map(ms => ({ ms, one: 2 })) }]]), sample => sample.one);
              return sums.map(point => point[1]).join();
            });
            """)).GetString());

        // A full sync: the page shows it within its own updates, without being loaded again.
        await browser.RunAsync("window.stays = true");
        ClusterStatus status = await cluster.StatusAsync();
        ShardStatus shard = status.Shards[0];
        string replica = shard.InSync.First(silo => silo != shard.Primary);
        Assert.Null(await cluster.Operator.DropReplicaAsync(0, replica));
        await browser.UntilAsync("the sync has a row, and gets on", $$"""
            const row = document.querySelector('#syncs tbody tr');
            if (!row) return false;
            const part = Number(row.querySelector('[role=progressbar]').getAttribute('aria-valuenow'));
            const first = window.firstPart ??= part, cells = [...row.querySelectorAll('td')].map(cell => cell.innerText);
            return part > first && part < 100 && row.querySelector('th a').getAttribute('href') === '/shards/0' && cells[0] === '{{SiloNames.Of(status, shard.Primary!)}}' && cells[1] === '{{SiloNames.Of(status, replica)}}'
                && / of /.test(cells[3]) && /B\/s$/.test(cells[4]) && /^\d+ %$/.test(cells[5]) && / s$/.test(cells[6]) && document.querySelector('.silo .shard.loading') !== null;
            """);
        await browser.PictureAsync("sync");
        await browser.UntilAsync("the table of syncs is gone with the last one", "return document.querySelector('#syncs') === null");
        await browser.UntilAsync("the sync is among the events", "return document.querySelector('#events').innerText.includes('full sync done') && document.querySelector('#events').innerText.includes('Copy dropped') && window.stays");

        cluster.Silo(2).Kill();
        await browser.UntilAsync("the dead silo is shown", "return document.querySelector('.silo.dead')?.dataset.silo === 'silo-2' && document.querySelector('#health').innerText.includes('lost')");
        await browser.UntilAsync("the failovers are told", "return document.querySelector('#events').innerText.includes('Failover') && document.querySelector('#events').innerText.includes('silo-2 is dead')");
        await browser.PictureAsync("silo-dead");
        await browser.GoAsync(Page(cluster, 0, "shards/3"));
        await browser.UntilAsync("the shard has a page", "return document.querySelectorAll('#copies tbody tr').length > 0");
        await browser.PictureAsync("shard");
        await browser.GoAsync(Page(cluster, 0, "keyspaces/bench"));
        await browser.UntilAsync("the keyspace has a page", $"return document.querySelectorAll('.share').length === {Shards}");
        await browser.PictureAsync("keyspace");
        Assert.Empty(await browser.ErrorsAsync());

        cluster.Silo(0).Kill();
        await browser.UntilAsync("the page says that its silo is gone", "return document.querySelector('#unreachable')?.innerText.includes('silo-0 does not answer')");
        await browser.PictureAsync("unreachable");
    }

    [Fact]
    public async Task Actions_need_the_token_and_say_what_they_do_first()
    {
        Assert.True(Browser.IsInstalled, "This test needs Chromium: apt-get install chromium chromium-driver");
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await StartAsync(home, NothingMoves);
        ClusterStatus status = await cluster.StatusAsync();
        string silo = JsonSerializer.Serialize(new { silo = status.Silos[1].Address, draining = true });
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(cluster, "drain", silo, null));
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(cluster, "drain", silo, "correct-horse-batterz"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(cluster, "drain", "{", Token));
        Assert.All((await cluster.StatusAsync()).Silos, one => Assert.False(one.Draining));

        await using Browser browser = await Browser.StartAsync(home.Sub("browser"));
        await browser.GoAsync(Page(cluster, 0, "shards/3"));
        await browser.UntilAsync("the shard is shown", "return document.querySelectorAll('#copies tbody tr').length === 2");
        Assert.DoesNotContain("Move the primary", await browser.TextAsync("main"));
        await browser.ClickAsync("#lock");
        await browser.TypeAsync("#dialog-field", "something-else-entirely");
        await browser.ClickAsync("#dialog-confirm");
        await browser.UntilAsync("a wrong token is refused", "return document.querySelector('#dialog').innerText.includes('missing or wrong')");
        await browser.RunAsync("document.querySelector('#dialog-field').select()");
        await browser.TypeAsync("#dialog-field", Token);
        await browser.ClickAsync("#dialog-confirm");
        await browser.UntilAsync("the actions are there", "return !document.querySelector('#dialog').open && document.querySelector('main').innerText.includes('Move the primary')");

        string before = status.Shards[3].Primary!;
        await browser.ClickAsync("main .actions button");
        await browser.UntilAsync("it says what will happen", "return document.querySelector('#dialog').innerText.includes('without an error at any client')");
        string target = (await browser.RunAsync("return document.querySelector('#dialog-field').value")).GetString()!;
        await browser.PictureAsync("move");
        await browser.ClickAsync("#dialog-confirm");
        await cluster.UntilAsync("the primary has moved", Patience, now => now.Shards[3].Primary == target);
        Assert.NotEqual(before, target);
        Assert.DoesNotContain(Token, cluster.Silo(0).Output + cluster.Silo(0).Errors, StringComparison.Ordinal);
        Assert.Contains("refused, the admin token is missing or wrong", cluster.Silo(0).Output);
    }

    [Fact]
    public async Task Events_and_top_tell_the_same_in_the_terminal()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await StartAsync(home);
        ChildProcess follower = cluster.Start("events", "--follow", "--json");
        await Until.TrueAsync("what was before is told", () => follower.Output.Contains("SiloJoined", StringComparison.Ordinal));
        await using ChildProcess live = ChildProcess.Start("script", ["-qec", $"stty cols 80 rows 50; {cluster.CommandLine("top")}", "/dev/null"], home.Sub("top"));
        await Until.TrueAsync(() => Pictures(live.Output).Length > 3 && Rows(live.Output).Contains("silo-2"), () => $"the picture is not drawn anew, and was last: {live.Errors}{live.Output}");
        cluster.Silo(2).Kill();
        await Until.TrueAsync("the follower tells of the death", () => follower.Output.Contains("SiloDead", StringComparison.Ordinal) && follower.Output.Contains("Failover", StringComparison.Ordinal));
        await Until.TrueAsync("the picture tells of it", () => live.Output.Contains("Failover", StringComparison.Ordinal) && !Rows(live.Output).Contains("silo-2"));
        Interrupt(live);
        follower.Interrupt();
        Assert.Equal(0, await follower.ExitAsync(Patience));
        Assert.Equal(0, await live.ExitAsync(Patience));
        string[] followed = [.. follower.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonDocument.Parse(line).RootElement).Select(static line => $"{line.GetProperty("silo")} {line.GetProperty("number")}")];
        Assert.Equal(followed.Length, followed.Distinct().Count());
        await cluster.UntilAsync("the silo is dead", Patience, status => status.Silos.Count == 2 && GridProcesses.IsWhole(status, copies: 2));
        string[] lines = (await cluster.RunAsync("events", "--json", "--most", "2000")).Expect(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] kinds = [.. lines.Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("kind").GetString()!)];
        Assert.Single(kinds, "SiloDead");
        Assert.Contains("Failover", kinds);
        Assert.Contains("SyncEnded", kinds);
        string ofShard = (await cluster.RunAsync("events", "--shard", "3", "--since", "10m")).Expect(0).Output;
        Assert.All(ofShard.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Contains("shard 3 ", line));
        string top = (await cluster.RunAsync("top", "--once")).Expect(0).Output;
        Assert.Contains("silo-1", top);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"{Shards}/{Shards} shards served"), top);
        Assert.Contains("Recent events", top);
        Assert.DoesNotContain("\u001b[", top);
    }

    /// <summary>What a terminal was shown, picture by picture; the last one may not be whole.</summary>
    private static string[] Pictures(string output) => output.Split("shards served");

    /// <summary>The silos in the table of the last whole picture.</summary>
    private static string[] Rows(string output) =>
        [.. Pictures(output)[^2].Split("Recent events")[0].Split('\n').Select(static line => line.Trim().Split(' ')[0]).Where(static word => word.StartsWith("silo-", StringComparison.Ordinal))];

    /// <summary>As Ctrl-C in a terminal: to the command that it runs.</summary>
    private static void Interrupt(ChildProcess terminal)
    {
        string child = File.ReadAllText($"/proc/{terminal.Id}/task/{terminal.Id}/children").Split(' ')[0];
        using System.Diagnostics.Process kill = System.Diagnostics.Process.Start("kill", ["-INT", child]);
        kill.WaitForExit();
    }

    /// <summary>Three silos in two zones. Where nothing evens out primaries, one of them may have got none: of 12 shards one in forty times.</summary>
    private static Task<GridProcesses> StartAsync(TemporaryDirectory home, params string[] more) => GridProcesses.StartAsync(
        home.Sub("grid"),
        2,
        [$"--Grid:ShardCount={Shards}", "--Grid:BootstrapSilos=3", "--Silo:Zone=north", $"--Admin:Token={Token}", .. more],
        async cluster =>
        {
            cluster.StartSilo(null, "--Silo:Zone=south");
            await cluster.UntilAsync("three silos have all shards", Patience, status => status.Silos.Count == 3 && GridProcesses.IsWhole(status, copies: 2) && status.Silos.All(silo => silo.State == "Active" && (more.Contains(NothingMoves) || status.Shards.Any(shard => shard.Primary == silo.Address))));
        });

    private static string Page(GridProcesses cluster, int silo, string path = "") => $"http://127.0.0.1:{cluster.HttpPort(silo)}/{path}";

    private static async Task<string> BackgroundAsync(Browser browser, string scheme)
    {
        await browser.PreferAsync(scheme);
        return (await browser.RunAsync("return getComputedStyle(document.documentElement).backgroundColor")).GetString()!;
    }

    private static async Task<HttpStatusCode> PostAsync(GridProcesses cluster, string action, string body, string? token)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri($"http://127.0.0.1:{cluster.HttpPort(0)}/api/actions/{action}")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
