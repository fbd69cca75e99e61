using System.Globalization;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using Grid.Client.Contracts.Operator;
using Grid.Server.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Grid.Server.Web.Admin;

/// <summary>What the admin page shows, as JSON; for scripts too. Nothing here changes anything.</summary>
/// <remarks>
/// However many look: one question at a time goes to the silos for the overview, whose answer is good for half a second, and few others at once.
/// </remarks>
internal sealed class AdminApi(ServerSettings settings, Func<IGridOperatorGrain?> cluster, AdminToken token, TimeProvider time) : IDisposable
{
    private const int QuestionsMax = 16;
    private const int EventsMax = 512;
    private static readonly TimeSpan OverviewGoodFor = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LostTime = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _questions = new(QuestionsMax, QuestionsMax);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private Overview? _overview;
    private long _overviewAt;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/overview", (CancellationToken gone) => AnswerAsync(OverviewAsync, AdminJson.Default.Overview, gone));
        routes.MapGet("/api/samples", (HttpRequest request, CancellationToken gone) =>
            TryTime(request, out DateTimeOffset? after) is { } wrong ? Task.FromResult(wrong) : AnswerAsync(grid => grid.GetSamplesAsync(after), AdminJson.Default.IReadOnlyListSiloSamples, gone));
        routes.MapGet("/api/events", EventsAsync);
        routes.MapGet("/api/keyspaces", (CancellationToken gone) => AnswerAsync(static grid => grid.GetKeyspacesAsync(null), AdminJson.Default.KeyspacePage, gone));
        routes.MapGet("/api/keyspaces/{name}", (string name, CancellationToken gone) => AnswerAsync(grid => grid.GetKeyspacesAsync(name), AdminJson.Default.KeyspacePage, gone));
        routes.MapGet("/api/shards/{shard:int}", ShardAsync);
    }

    public void Dispose()
    {
        _questions.Dispose();
        _gate.Dispose();
    }

    /// <summary>Asks the cluster, and says in words what is wrong when it cannot.</summary>
    public async Task<IResult> AnswerAsync<T>(Func<IGridOperatorGrain, Task<T>> ask, JsonTypeInfo<T> json, CancellationToken gone)
    {
        if (cluster() is not { } grid)
            return Error(StatusCodes.Status503ServiceUnavailable, "the silo has not joined the cluster yet, or has left it");
        if (!await _questions.WaitAsync(0, CancellationToken.None))
            return Error(StatusCodes.Status429TooManyRequests, $"more than {QuestionsMax} questions at once");
        try
        {
            return Results.Json(await ask(grid).WaitAsync(AnswerTime, time, gone), json);
        }
        catch (ArgumentException wrong)
        {
            return Error(StatusCodes.Status400BadRequest, wrong.Message);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException or InvalidOperationException)
        {
            return Error(StatusCodes.Status503ServiceUnavailable, $"the cluster does not answer: {failure.Message}");
        }
        finally
        {
            _questions.Release();
        }
    }

    public static IResult Error(int status, string error) => Results.Json(new ApiError(error), AdminJson.Default.ApiError, statusCode: status);

    private async Task<Overview> OverviewAsync(IGridOperatorGrain grid)
    {
        await _gate.WaitAsync(AnswerTime);
        try
        {
            if (_overview is { } known && time.GetElapsedTime(_overviewAt) < OverviewGoodFor)
                return known;
            Task<EventPage> deaths = grid.GetEventsAsync(new EventQuery { After = time.GetUtcNow() - LostTime, Kinds = [EventKind.SiloDead] });
            Task<KeyspacePage> keyspaces = grid.GetKeyspacesAsync(null);
            ClusterStatus status = await grid.GetStatusAsync();
            _overview = new Overview
            {
                Cluster = settings.Silo.ClusterId,
                ServedBy = settings.Name,
                Version = Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "",
                Time = time.GetUtcNow(),
                Replicas = status.Replicas,
                Actions = token.IsSet,
                Silos = status.Silos,
                Shards = Overview.ViewsOf(status),
                Keyspaces = (await keyspaces).Keyspaces,
                Warnings = status.Warnings,
                Rebalance = status.Rebalance,
                Lost = LostSilo.Of(await deaths, status.Silos),
            };
            _overviewAt = time.GetTimestamp();
            return _overview;
        }
        finally
        {
            _gate.Release();
        }
    }

    private Task<IResult> EventsAsync(HttpRequest request, CancellationToken gone)
    {
        if (TryTime(request, out DateTimeOffset? after) is { } wrong)
            return Task.FromResult(wrong);
        string shard = request.Query["shard"].ToString();
        int number = -1;
        if (shard.Length > 0 && !int.TryParse(shard, NumberStyles.None, CultureInfo.InvariantCulture, out number))
            return Task.FromResult(Error(StatusCodes.Status400BadRequest, $"shard is '{shard}'; a number is expected"));
        EventQuery query = new() { After = after, Shard = shard.Length > 0 ? number : null, Most = EventsMax };
        return AnswerAsync(grid => grid.GetEventsAsync(query), AdminJson.Default.EventPage, gone);
    }

    private Task<IResult> ShardAsync(int shard, CancellationToken gone) => AnswerAsync(
        async grid =>
        {
            ClusterStatus status = await grid.GetStatusAsync();
            return shard < status.Shards.Count ? status.Shards[shard] : throw new ArgumentException($"there is no shard {shard}; the shards are 0 to {status.Shards.Count - 1}");
        },
        AdminJson.Default.ShardStatus,
        gone);

    /// <summary>The moment that a request names as <c>after</c>: milliseconds since 1970, or ISO 8601.</summary>
    private static IResult? TryTime(HttpRequest request, out DateTimeOffset? after)
    {
        after = null;
        string text = request.Query["after"].ToString();
        if (text.Length == 0)
            return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long ms) && ms <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
            after = DateTimeOffset.FromUnixTimeMilliseconds(ms);
        else if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset moment))
            after = moment;
        else
            return Error(StatusCodes.Status400BadRequest, $"after is '{text}'; milliseconds since 1970 or a time like 2026-01-31T12:00:00Z are expected");
        return null;
    }
}
