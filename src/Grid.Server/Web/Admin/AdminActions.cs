using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Grid.Client.Contracts.Operator;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Grid.Server.Web.Admin;

/// <summary>
/// What can be done on the admin page by whoever has the token, as header <c>Authorization: Bearer TOKEN</c>: a header that no other site's page can send,
/// and that stands in no address, history or log.
/// </summary>
internal sealed partial class AdminActions(AdminApi api, AdminToken token, ILogger<AdminActions> logger)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        Post(routes, "/api/actions/check", context => GuardedAsync(context, static () => Task.FromResult(Results.Json(new ActionAnswer(null), AdminJson.Default.ActionAnswer))));
        Post(routes, "/api/actions/move", context => ActAsync(
            context,
            AdminJson.Default.MoveRequest,
            static request => string.IsNullOrEmpty(request.Silo) ? "silo is missing" : null,
            static (grid, request) => grid.MoveShardAsync(request.Shard, request.Silo),
            AdminJson.Default.MoveProgress));
        Post(routes, "/api/actions/drain", context => ActAsync(
            context,
            AdminJson.Default.DrainRequest,
            static request => string.IsNullOrEmpty(request.Silo) ? "silo is missing" : null,
            static async (grid, request) => new ActionAnswer(await grid.SetDrainingAsync(request.Silo, request.Draining)),
            AdminJson.Default.ActionAnswer));
        Post(routes, "/api/actions/plan-loss", context => ActAsync(
            context, AdminJson.Default.LossRequest, static _ => null, static (grid, request) => grid.PlanLossAsync(request.Shard), AdminJson.Default.LossReport));
        Post(routes, "/api/actions/accept-loss", context => ActAsync(
            context, AdminJson.Default.LossRequest, static _ => null, static (grid, request) => grid.AcceptLossAsync(request.Shard), AdminJson.Default.LossReport));
    }

    /// <summary>As a route handler, not as a request delegate, which would drop the answer.</summary>
    private static void Post(IEndpointRouteBuilder routes, string path, Func<HttpContext, Task<IResult>> act) => routes.MapPost(path, (Delegate)act);

    private Task<IResult> ActAsync<TRequest, TAnswer>(
        HttpContext context,
        JsonTypeInfo<TRequest> read,
        Func<TRequest, string?> check,
        Func<IGridOperatorGrain, TRequest, Task<TAnswer>> act,
        JsonTypeInfo<TAnswer> write)
        where TRequest : class => GuardedAsync(context, async () =>
    {
        TRequest? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync(context.Request.Body, read, context.RequestAborted);
        }
        catch (JsonException wrong)
        {
            return AdminApi.Error(StatusCodes.Status400BadRequest, $"the request cannot be read: {wrong.Message}");
        }

        if (request is null || check(request) is not null)
            return AdminApi.Error(StatusCodes.Status400BadRequest, request is null ? "the request is empty" : check(request)!);
        LogAction(context.Request.Path, request, context.Connection.RemoteIpAddress);
        return await api.AnswerAsync(grid => act(grid, request), write, context.RequestAborted);
    });

    private async Task<IResult> GuardedAsync(HttpContext context, Func<Task<IResult>> act)
    {
        switch (await token.CheckAsync(context.Request.Headers.Authorization, context.Connection.RemoteIpAddress, context.RequestAborted))
        {
            case TokenVerdict.Right:
                return await act();
            case TokenVerdict.Off:
                return AdminApi.Error(StatusCodes.Status403Forbidden, "this silo has no Admin:Token, so nothing can be done here; set one, the same on all silos, or use the command line");
            case TokenVerdict.Busy:
                context.Response.Headers.RetryAfter = "1";
                return AdminApi.Error(StatusCodes.Status429TooManyRequests, "too many wrong tokens are being tried from this address; try again in a second");
            default:
                LogRefused(context.Request.Path, context.Connection.RemoteIpAddress);
                context.Response.Headers.WWWAuthenticate = "Bearer";
                return AdminApi.Error(StatusCodes.Status401Unauthorized, "the admin token is missing or wrong");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Path} from {Address}: {Request}")]
    private partial void LogAction(PathString path, object request, IPAddress? address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path} from {Address}: refused, the admin token is missing or wrong")]
    private partial void LogRefused(PathString path, IPAddress? address);
}
