using System.Text.Json.Serialization;
using Grid.Silo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Grid.Server.Health;

/// <summary>
/// The silo's health for whatever watches over it: <c>live</c> says whether to kill it, <c>ready</c> whether to go on with the next silo and to send clients, and
/// <c>startup</c> whether it has joined; each answers 200 or 503 and says why.
/// </summary>
internal static class HealthPages
{
    public const string Live = "/healthz/live";
    public const string Ready = "/healthz/ready";
    public const string Startup = "/healthz/startup";

    public static void Map(IEndpointRouteBuilder routes, GridHealth health)
    {
        routes.MapGet(Live, () => Answer(health.Hang() is { } hang ? [hang] : []));
        routes.MapGet(Ready, () => Answer(health.Obstacles()));
        routes.MapGet(Startup, () => Answer(health.IsStarted ? [] : ["the silo has not joined the cluster yet"]));
    }

    private static IResult Answer(IReadOnlyList<string> obstacles) => Results.Json(
        new HealthAnswer(obstacles.Count == 0, obstacles),
        HealthJson.Default.HealthAnswer,
        statusCode: obstacles.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
}

/// <summary>A probe's answer.</summary>
/// <param name="Ok">Whether all is well.</param>
/// <param name="Obstacles">What is not.</param>
internal sealed record HealthAnswer(bool Ok, IReadOnlyList<string> Obstacles);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthAnswer))]
internal sealed partial class HealthJson : JsonSerializerContext;
