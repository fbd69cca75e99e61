using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Admin;

/// <summary>What scripts build on: the shape of the API's answers, and its actions with and without the token.</summary>
[Collection(Processes.Name)]
public sealed class AdminApiTests
{
    private const string Token = "correct-horse-battery";
    private const int Shards = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task The_api_answers_in_the_shape_that_it_promises()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await StartAsync(home, 1, "--Grid:Replicas=0");
        (await cluster.RunAsync("set", "user:1", "Ada", "-k", "users")).Expect(0);
        await cluster.UntilAsync("the shards are there", Patience, status => GridProcesses.IsWhole(status, copies: 1));
        using HttpClient http = Http(cluster, 0);
        JsonElement overview = await GetAsync(http, "api/overview", HttpStatusCode.OK);
        Shape(overview, "cluster:String servedBy:String version:String time:String replicas:Number actions:True silos:Array shards:Array keyspaces:Array warnings:Array lost:Array");
        Shape(overview.GetProperty("silos")[0], "address:String name:String state:String zone:String primaries:Number replicas:Number dataBytes:Number draining:False");
        Shape(overview.GetProperty("shards")[0], "shard:Number epoch:Number primary:Number inSync:Number logEnd:Number copies:Array");
        Shape(overview.GetProperty("shards")[0].GetProperty("copies")[0], "silo:Number role:String lag:Number entries:Number bytes:Number faulted:False");
        Shape(overview.GetProperty("keyspaces")[0], "name:String entries:Number dataBytes:Number memoryBytes:Number reads:Number writes:Number hits:Number misses:Number");
        Assert.Equal(Shards, overview.GetProperty("shards").GetArrayLength());

        Shape(await GetAsync(http, "api/shards/3", HttpStatusCode.OK), "shard:Number epoch:Number primary:String logEnd:Number committed:Number inSync:Array copies:Array links:Array laggards:Array pinned:False");
        JsonElement keyspace = (await GetAsync(http, "api/keyspaces/users", HttpStatusCode.OK)).GetProperty("keyspaces")[0];
        Assert.Equal(("users", 1), (keyspace.GetProperty("name").GetString(), keyspace.GetProperty("entries").GetInt32()));
        Shape(Assert.Single(keyspace.GetProperty("shares").EnumerateArray()), "shard:Number silo:String entries:Number memoryBytes:Number");
        Assert.NotEmpty((await GetAsync(http, "api/keyspaces", HttpStatusCode.OK)).GetProperty("keyspaces").EnumerateArray());
        JsonElement events = await GetAsync(http, "api/events", HttpStatusCode.OK);
        Shape(events, "events:Array silent:Array");
        Shape(events.GetProperty("events")[0], "time:String silo:String number:Number kind:String severity:String text:String");
        Assert.Empty((await GetAsync(http, "api/events?after=2999-01-01", HttpStatusCode.OK)).GetProperty("events").EnumerateArray());
        await Until.AnswersAsync("there are samples", async () => (await GetAsync(http, "api/samples", HttpStatusCode.OK))[0].GetProperty("samples").GetArrayLength() > 0);
        Shape((await GetAsync(http, "api/samples", HttpStatusCode.OK))[0].GetProperty("samples")[0], "time:String reads:Number writes:Number failed:Number p50Us:Number p99Us:Number dataBytes:Number processBytes:Number processors:Number");

        foreach ((string path, string expected) in ((string, string)[])[("api/shards/4", "the shards are 0 to 3"), ("api/events?shard=x", "a number is expected"), ("api/events?after=soon", "milliseconds since 1970"), ("api/samples?after=soon", "milliseconds since 1970")])
            Assert.Contains(expected, (await GetAsync(http, path, HttpStatusCode.BadRequest)).GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri("api/nothing", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task Draining_and_accepting_a_loss_need_the_token_and_do_what_they_say()
    {
        using TemporaryDirectory home = new();

        // No replicas: what a silo holds dies with it.
        await using GridProcesses cluster = await StartAsync(home, 2, "--Grid:Replicas=0", "--Grid:BootstrapSilos=2");
        using HttpClient http = Http(cluster, 0);
        ClusterStatus status = await cluster.UntilAsync("both silos have shards", Patience, now => now.Silos.Count == 2 && now.Silos.All(silo => now.Shards.Any(shard => shard.Primary == silo.Address)));
        string first = status.Silos.Single(silo => silo.Name == "silo-0").Address;
        string second = status.Silos.Single(silo => silo.Name == "silo-1").Address;
        object drain = new { silo = second, draining = true };
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(http, "drain", drain, null)).Status);
        Assert.DoesNotContain((await cluster.StatusAsync()).Silos, static silo => silo.Draining);
        (HttpStatusCode done, JsonElement answer) = await PostAsync(http, "drain", drain, Token);
        Assert.True(done == HttpStatusCode.OK && !answer.TryGetProperty("problem", out _), answer.ToString());
        await cluster.UntilAsync("the silo is empty", Patience, now => now.Silos.Single(silo => silo.Address == second).Draining && now.Shards.All(shard => shard.Primary == first));
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(http, "drain", new { silo = second, draining = false }, Token)).Status);
        status = await cluster.UntilAsync("it takes part again, and nothing moves any more", Patience, now =>
            now.Rebalance is { State: "Settled", Left: 0 } && now.Silos.All(silo => !silo.Draining && now.Shards.Any(shard => shard.Primary == silo.Address)) && now.Shards.All(shard => shard.InSync.Count == 1 && shard.Copies.Count == 1));

        int lost = status.Shards.First(shard => shard.Primary == second).Shard;
        Assert.Contains("in-sync copy", (await PostAsync(http, "plan-loss", new { shard = lost }, Token)).Answer.GetProperty("obstacle").GetString());
        cluster.Silo(1).Kill();
        await Until.AnswersAsync("the loss can be accepted", async () => await PostAsync(http, "plan-loss", new { shard = lost }, Token) is (HttpStatusCode.OK, var plan) && !plan.TryGetProperty("obstacle", out _));
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(http, "plan-loss", new { shard = lost }, null)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(http, "accept-loss", new { shard = lost }, "not the token at all")).Status);
        Assert.Null((await cluster.StatusAsync()).Shards[lost].Primary);
        (HttpStatusCode accepted, JsonElement report) = await PostAsync(http, "accept-loss", new { shard = lost }, Token);
        Assert.True(accepted == HttpStatusCode.OK && report.GetProperty("empty").GetBoolean(), report.ToString());
        await cluster.UntilAsync("the shard is served again", Patience, now => now.Shards[lost].Primary == first);
    }

    [Fact]
    public async Task Who_guesses_tokens_keeps_no_operator_out()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await StartAsync(home, 1, "--Grid:Replicas=0");
        using HttpClient guesser = Http(cluster, 0, "127.0.0.2");
        using HttpClient operators = Http(cluster, 0);
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        int refused = 0;
        Task[] guesses = [.. Enumerable.Range(0, 16).Select(async guess =>
        {
            while (!enough.IsCancellationRequested)
            {
                HttpStatusCode status = (await PostAsync(guesser, "check", new { }, $"guess-{guess}")).Status;
                Assert.True(status is HttpStatusCode.Unauthorized or HttpStatusCode.TooManyRequests, status.ToString());
                if (status == HttpStatusCode.TooManyRequests)
                    Interlocked.Increment(ref refused);
            }
        })];
        await Until.TrueAsync("guesses are refused", () => Volatile.Read(ref refused) > 100);
        for (int i = 0; i < 20; i++)
            Assert.Equal(HttpStatusCode.OK, (await PostAsync(operators, "check", new { }, Token)).Status);
        await enough.CancelAsync();
        await Task.WhenAll(guesses);
    }

    private static Task<GridProcesses> StartAsync(TemporaryDirectory home, int silos, params string[] more) =>
        GridProcesses.StartAsync(home.Sub("grid"), silos, [$"--Grid:ShardCount={Shards}", $"--Admin:Token={Token}", "--Grid:RebalanceDelayMs=0", .. more]);

    /// <summary>A client that comes from an address of this machine.</summary>
    private static HttpClient Http(GridProcesses cluster, int silo, string from = "127.0.0.1") => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellation) =>
        {
            Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new Uri($"http://127.0.0.1:{cluster.HttpPort(silo)}/"),
        Timeout = Patience,
    };

    /// <summary>Each NAME:KIND of a property that has to be there.</summary>
    private static void Shape(JsonElement answer, string expected)
    {
        foreach (string[] property in expected.Split(' ').Select(static part => part.Split(':')))
        {
            Assert.True(answer.TryGetProperty(property[0], out JsonElement value), $"{property[0]} is missing: {answer}");
            Assert.True(value.ValueKind.ToString() == property[1], $"{property[0]} is {value.ValueKind}: {answer}");
        }
    }

    private static async Task<JsonElement> GetAsync(HttpClient http, string path, HttpStatusCode expected)
    {
        using HttpResponseMessage answer = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == expected, $"{path}: {answer.StatusCode} {text}");
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(HttpClient http, string action, object body, string? token)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri($"api/actions/{action}", UriKind.Relative)) { Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json") };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return (answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement);
    }
}
